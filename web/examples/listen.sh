# curl does not send sound over a WebSocket, Earprint's own command does:
earprint listen recording.wav --url ws://127.0.0.1:8000/listen --json

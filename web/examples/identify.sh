curl -F file=@recording.wav http://127.0.0.1:8000/predict

curl -F file=@one.flac -F file=@two.flac http://127.0.0.1:8000/upload

curl -X PATCH http://127.0.0.1:8000/tracks/1 -d '{"title": "A better title"}'
curl -X DELETE http://127.0.0.1:8000/tracks/1
curl -X POST http://127.0.0.1:8000/tracks/1/restore  # undoes it

# pip install requests
import requests

track = "http://127.0.0.1:8000/tracks/1"
print(requests.patch(track, json={"title": "A better title"}).json())
requests.delete(track).raise_for_status()
print(requests.post(f"{track}/restore").json())  # undoes it

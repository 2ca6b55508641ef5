# pip install requests
import requests

after = None
while True:  # a page at a time
    query = {"search": "river", "sort": "artist", "limit": 100, "after": after}
    page = requests.get("http://127.0.0.1:8000/tracks", params=query).json()
    for track in page["tracks"]:
        print(track["id"], track["artist"], track["title"])
    after = page["next"]
    if after is None:
        break

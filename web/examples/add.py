# pip install requests
from pathlib import Path

import requests

with Path("one.flac").open("rb") as one, Path("two.flac").open("rb") as two:
    response = requests.post("http://127.0.0.1:8000/upload", files=[("file", one), ("file", two)])
response.raise_for_status()
answer = response.json()
for track in answer["added"] + answer["known"]:
    print(track["id"], track["title"])
for file in answer["failed"]:
    print(file["name"], "failed:", file["error"])

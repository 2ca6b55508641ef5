# pip install requests
from pathlib import Path

import requests

with Path("recording.wav").open("rb") as file:  # most formats will do
    response = requests.post("http://127.0.0.1:8000/predict", files={"file": file})
response.raise_for_status()
match = response.json()["match"]
if match:
    print(match["track"]["title"], "from second", match["offset"], "on")
else:
    print("not in this library")

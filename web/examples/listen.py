# pip install websockets
import asyncio
import json
import wave

from websockets.asyncio.client import connect


async def main():
    async with connect("ws://127.0.0.1:8000/listen") as server:
        sending = asyncio.create_task(send(server))
        async for message in server:  # until the server closes, after "end"
            event = json.loads(message)
            if event["type"] == "match":
                print(event["guess"]["track"]["title"], "at second", event["guess"]["position"])
            elif event["type"] == "error":
                print(event["message"])
        sending.cancel()


async def send(server):
    with wave.open("recording.wav") as sound:  # 16 bits a sample; blocks of a microphone will do as well
        start = {"type": "start", "format": "s16le", "channels": sound.getnchannels()}
        await server.send(json.dumps({**start, "sample_rate": sound.getframerate()}))
        while pcm := sound.readframes(4096):
            await server.send(pcm)
    await server.send(json.dumps({"type": "stop"}))


asyncio.run(main())

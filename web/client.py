"""A listener in Python: sends sound to a server, and yields what it says.

`earprint listen` uses it; start from it for your own:

    async for event in listen("ws://127.0.0.1:8000/listen", blocks, sample_rate=44100):
        print(event["type"], event)

The blocks are bytes: see `s16le`.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from core.errors import EarprintError

BYTES_PER_SAMPLE = 2  # s16le
LIVE_SECONDS = 0.1  # of sound in a message at the speed of a microphone
PONG_SECONDS = 120.0  # until a server counts as gone: its answer to a ping waits behind the sound that it has not read yet
FAST_SECONDS = 1.0  # and when a file is sent as fast as the server takes it


async def listen(
    url: str, blocks: Iterable[bytes], sample_rate: int, *, realtime: bool = False, token: str | None = None
) -> AsyncIterator[dict[str, Any]]:
    """Yields the server's messages as they come, from `ready` to `end`.

    blocks: s16le mono at `sample_rate` Hz, cut anywhere; iterated in a thread, so that it may wait for a pipe.
    realtime: send no faster than the sound would play.
    token: what a private server asks for.

    Raises EarprintError when the server cannot be reached, refuses, or leaves before `end`.
    """
    start = {"type": "start", "sample_rate": sample_rate, "format": "s16le", "channels": 1, "constellation": False}
    pieces = cut(blocks, round(sample_rate * (LIVE_SECONDS if realtime else FAST_SECONDS)) * BYTES_PER_SAMPLE)
    bytes_per_second = sample_rate * BYTES_PER_SAMPLE if realtime else None
    server = await _connect(url, token)
    sender = asyncio.create_task(_send(server, start, pieces, bytes_per_second))
    try:
        async for event in _events(server):
            yield event
        await sender
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender
        await server.close()


def s16le(pcm: np.ndarray[Any, Any]) -> bytes:
    """float32 [n], -1..1, as the bytes that `listen` sends."""
    samples: np.ndarray[Any, Any] = (np.clip(pcm, -1, 1) * 32767).round().astype("<i2")
    return samples.tobytes()


def cut(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """The blocks in pieces of at most `size` bytes: a message must not be larger than a server takes."""
    for block in blocks:
        for begin in range(0, len(block), size):
            yield block[begin : begin + size]


async def _connect(url: str, token: str | None) -> ClientConnection:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    try:
        return await connect(url, compression=None, additional_headers=headers, ping_timeout=PONG_SECONDS)  # sound does not compress
    except InvalidStatus as error:
        raise EarprintError(f"{url} refuses: {_refusal(error)}") from error
    except (OSError, InvalidURI, InvalidHandshake) as error:
        raise EarprintError(f"cannot connect to {url}: {error}") from error


def _refusal(error: InvalidStatus) -> str:
    try:
        return str(json.loads(error.response.body or b"")["error"]["message"])
    except (ValueError, KeyError, TypeError):  # not one of ours
        return f"HTTP status {error.response.status_code}"


async def _send(
    server: ClientConnection, start: dict[str, Any], pieces: Iterator[bytes], bytes_per_second: int | None
) -> None:
    begin, sent = time.monotonic(), 0
    with suppress(ConnectionClosed):  # the other direction says why
        await server.send(json.dumps(start))
        while (piece := await asyncio.to_thread(next, pieces, None)) is not None:
            await server.send(piece)
            sent += len(piece)
            if bytes_per_second:
                await asyncio.sleep(begin + sent / bytes_per_second - time.monotonic())
        await server.send(json.dumps({"type": "stop"}))


async def _events(server: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """All messages up to `end`. An error message is raised, as is a connection that ends without one."""
    with suppress(ConnectionClosed):
        async for text in server:
            event: dict[str, Any] = json.loads(text)
            if event["type"] == "error":
                raise EarprintError(f"the server says: {event['message']} ({event['code']})")
            yield event
            if event["type"] == "end":
                return
    raise EarprintError(f"the server left before the end: {server.close_reason or server.close_code}")

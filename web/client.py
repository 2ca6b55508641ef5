"""A listener in Python: sends sound to a server, and yields what it says.

`earprint listen` uses it; start from it for your own:

    async for event in listen("ws://127.0.0.1:8000/listen", blocks, sample_rate=44100):
        print(event["type"], event)

The blocks are bytes: see `s16le`.
"""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from core.errors import EarprintError

Event = dict[str, Any]

BYTES_PER_SAMPLE = 2  # s16le
LIVE_SECONDS = 0.1  # of sound in a message at the speed of a microphone
FAST_SECONDS = 1.0  # and when a file is sent as fast as the server takes it
PONG_SECONDS = 120.0  # until a server counts as gone: its answer to a ping waits behind the sound that it has not read yet
NORMAL = 1000  # the code of a connection that is closed after its `end`
PIECES_AHEAD = 8  # messages read from the source before they can be sent
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between two tries to reach a server again; each pause is twice the one before
SCHEMES = {"http": "ws", "https": "wss"}


class UnreachableError(EarprintError):
    """The server cannot be reached, or left before the end: trying again later may help."""


async def listen(
    url: str,
    blocks: Iterable[bytes],
    sample_rate: int,
    *,
    channels: int = 1,
    realtime: bool = False,
    token: str | None = None,
    on_lost: Callable[[EarprintError, float], None] | None = None,
) -> AsyncIterator[Event]:
    """Yield the server's messages as they come, from `ready` to `end`.

    url: of the WebSocket, or of the page, whose WebSocket is meant (see `websocket_url`).
    blocks: s16le at `sample_rate` Hz with `channels` interleaved, cut anywhere; iterated in a thread, so that it may wait for a pipe.
    realtime: send no faster than the sound would play.
    token: what a private server asks for.
    on_lost: if given, a server that cannot be reached or leaves is tried again: it is called with the reason and the seconds until then.
        Times go on counting from the beginning of the sound; what was sent and not heard is lost.

    Raises UnreachableError when the server cannot be reached or leaves before `end`, another EarprintError when it refuses.
    """
    bytes_per_second = sample_rate * channels * BYTES_PER_SAMPLE
    start = {"type": "start", "sample_rate": sample_rate, "format": "s16le", "channels": channels, "constellation": False}
    piece_bytes = round(sample_rate * (LIVE_SECONDS if realtime else FAST_SECONDS)) * channels * BYTES_PER_SAMPLE
    source = _Source(cut(blocks, piece_bytes))
    pause = FIRST_PAUSE
    while True:
        begin = source.taken / bytes_per_second
        try:
            async for event in _session(websocket_url(url), token, start, source, bytes_per_second if realtime else None):
                pause = FIRST_PAUSE
                yield _shifted(event, begin)
            return
        except UnreachableError as error:
            if on_lost is None:
                raise
            on_lost(error, pause)
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def websocket_url(url: str) -> str:
    """Return the WebSocket's address: ws://host:8000/path/listen for http://host:8000/path, and for itself."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    path = path if parts.scheme in SCHEMES.values() and path else path.removesuffix("/listen") + "/listen"
    return urlunsplit(parts._replace(scheme=SCHEMES.get(parts.scheme, parts.scheme), path=path)) if parts.netloc else url


def s16le(pcm: np.ndarray[Any, Any]) -> bytes:
    """Return float32 [n], -1..1, as the bytes that `listen` sends."""
    samples: np.ndarray[Any, Any] = (np.clip(pcm, -1, 1) * 32767).round().astype("<i2")
    return samples.tobytes()


def cut(blocks: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the blocks in pieces of at most `size` bytes: a message must not be larger than a server takes."""
    for block in blocks:
        for begin in range(0, len(block), size):
            yield block[begin : begin + size]


class _Source:
    """Pieces of sound, read ahead by a thread of their own, which a program that ends need not wait for.

    taken: the bytes that were given out.
    """

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self.taken = 0
        self._pieces = pieces
        self._loop = asyncio.get_running_loop()
        self._read: asyncio.Queue[bytes | BaseException | None] = asyncio.Queue()
        self._room = threading.Semaphore(PIECES_AHEAD)
        self._over = False
        threading.Thread(target=self._run, daemon=True, name="source").start()

    async def take(self) -> bytes | None:
        """Return the next piece, or None at the end. Raises what reading the source raised."""
        piece = None if self._over else await self._read.get()
        self._room.release()
        if isinstance(piece, BaseException):
            raise piece
        self._over = piece is None
        self.taken += len(piece or b"")
        return piece

    def _run(self) -> None:
        try:
            for piece in self._pieces:
                self._room.acquire()
                self._put(piece)
            self._put(None)
        except BaseException as error:
            self._put(error)

    def _put(self, piece: bytes | BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            self._loop.call_soon_threadsafe(self._read.put_nowait, piece)


async def _session(url: str, token: str | None, start: Event, source: _Source, bytes_per_second: int | None) -> AsyncIterator[Event]:
    """Yield the messages of one connection. Raises UnreachableError where that ends before the sound does."""
    server = await _connect(url, token)
    sender = asyncio.create_task(_send(server, start, source, bytes_per_second))
    try:
        async for event in _events(server):
            if event["type"] == "end":
                await server.wait_closed()
                if server.close_code != NORMAL:  # the server ends it, not we
                    raise _left(server)
            yield event
        await sender
    finally:
        sender.cancel()
        with suppress(asyncio.CancelledError):
            await sender
        await server.close()


async def _connect(url: str, token: str | None) -> ClientConnection:
    headers = {"Authorization": f"Bearer {token}"} if token else None
    try:
        return await connect(url, compression=None, additional_headers=headers, ping_timeout=PONG_SECONDS)  # sound does not compress
    except InvalidStatus as error:
        kind = UnreachableError if error.response.status_code in (502, 503, 504) else EarprintError
        raise kind(f"{url} refuses: {_refusal(error)}") from error
    except (OSError, InvalidHandshake) as error:
        raise UnreachableError(f"cannot connect to {url}: {error}") from error
    except InvalidURI as error:
        raise EarprintError(f"cannot connect to {url}: {error}") from error


def _refusal(error: InvalidStatus) -> str:
    try:
        return str(json.loads(error.response.body or b"")["error"]["message"])
    except (ValueError, KeyError, TypeError):  # not one of ours
        return f"HTTP status {error.response.status_code}"


async def _send(server: ClientConnection, start: Event, source: _Source, bytes_per_second: int | None) -> None:
    begin, sent = time.monotonic(), 0
    with suppress(ConnectionClosed):  # the other direction says why
        await server.send(json.dumps(start))
        while (piece := await source.take()) is not None:
            await server.send(piece)
            sent += len(piece)
            if bytes_per_second:
                await asyncio.sleep(begin + sent / bytes_per_second - time.monotonic())
        await server.send(json.dumps({"type": "stop"}))


async def _events(server: ClientConnection) -> AsyncIterator[Event]:
    """Yield all messages up to `end`. An error message is raised, as is a connection that ends without one."""
    with suppress(ConnectionClosed):
        async for text in server:
            event: Event = json.loads(text)
            if event["type"] == "error":
                raise EarprintError(f"the server says: {event['message']} ({event['code']})")
            yield event
            if event["type"] == "end":
                return
    raise _left(server)


def _left(server: ClientConnection) -> UnreachableError:
    return UnreachableError(f"the server left before the end: {server.close_reason or server.close_code}")


def _shifted(event: Event, begin: float) -> Event:
    """Return a message of a session that began `begin` seconds into the sound, with times counted from the beginning of the sound."""
    if not begin:
        return event
    guesses = [_shifted_guess(guess, begin) for guess in event.get("guesses", [])]
    named = {key: _shifted_guess(event[key], begin) for key in ("guess", "match") if event.get(key)}
    times = {key: round(event[key] + begin, 6) for key in ("elapsed",) if key in event}
    return event | named | times | ({"guesses": guesses} if "guesses" in event else {})


def _shifted_guess(guess: Event, begin: float) -> Event:
    return guess | {"offset": round(guess["offset"] - guess["speed"] * begin, 6)}

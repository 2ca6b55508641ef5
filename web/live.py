"""/listen: a WebSocket around a `Session`. One message is answered before the next is taken: back-pressure."""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from stream.protocol import POLICY, Close, Reply, Session
from web.errors import error_response
from web.guard import foreign

logger = logging.getLogger("earprint.web")

BUG = Close(1011, "something went wrong on our side")
WAITING_LIMIT = 100  # events that a slow listener may owe us; with guesses dropped these are minutes of music


class Listeners:
    """How many listen now, and how many may."""

    def __init__(self, limit: int) -> None:
        self.count, self._limit = 0, limit

    def enter(self) -> bool:
        if self.count >= self._limit:
            return False
        self.count += 1
        return True

    def leave(self) -> None:
        self.count -= 1


class Outbox:
    """Events on their way to one listener, in order. While it is slow, guesses that newer ones overtake are dropped.

    So a client may send a whole album before it reads a word, and one on a bad line hears of now, not of then.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]]) -> None:
        self._send = send
        self._waiting: deque[Reply] = deque()
        self._changed = asyncio.Condition()
        self._idle = True  # nothing waits and nothing is being sent
        self._gone = False

    async def put(self, events: list[Reply]) -> None:
        """Takes events; waits while too many of those that may not be dropped are unsent."""
        async with self._changed:
            if any(event["type"] == "guesses" for event in events):
                self._waiting = deque(event for event in self._waiting if event["type"] != "guesses")
            self._waiting.extend(events)
            self._idle = self._idle and not events
            self._changed.notify_all()
            await self._changed.wait_for(lambda: len(self._waiting) < WAITING_LIMIT or self._gone)

    async def flush(self) -> None:
        async with self._changed:
            await self._changed.wait_for(lambda: self._idle or self._gone)

    async def run(self) -> None:
        """Sends until it is cancelled, or the listener is gone: no error, and the receiver will hear of it, too."""
        try:
            while True:
                await self._send(json.dumps(await self._next(), separators=(",", ":")))
        except WebSocketDisconnect:
            async with self._changed:
                self._gone = True
                self._changed.notify_all()

    async def _next(self) -> Reply:
        async with self._changed:
            self._idle = not self._waiting
            self._changed.notify_all()
            await self._changed.wait_for(lambda: bool(self._waiting))
            return self._waiting.popleft()


async def listen(websocket: WebSocket) -> None:
    """The endpoint: who may not listen is told so before the handshake."""
    state = websocket.state
    if foreign(websocket.headers, state.settings.origins):
        await _deny(websocket, 403, "foreign_origin", "pages of other sites may not listen here")
    elif not state.listeners.enter():
        state.metrics.refused.inc()
        await _deny(websocket, 503, "busy", "too many are listening; try again later")
    else:
        try:
            await _serve(websocket)
        finally:
            state.listeners.leave()


async def _deny(websocket: WebSocket, status: int, code: str, message: str) -> None:
    await websocket.send_denial_response(error_response(status, code, message))


async def _serve(websocket: WebSocket) -> None:
    await websocket.accept()
    outbox = Outbox(websocket.send_text)
    sender = asyncio.create_task(outbox.run())
    try:
        close = await _converse(websocket, outbox)
        await outbox.flush()
        await websocket.close(close.code, close.reason)
    except WebSocketDisconnect:
        pass  # people close their browsers
    finally:
        sender.cancel()


async def _converse(websocket: WebSocket, outbox: Outbox) -> Close:
    """Runs a session to its end. Raises WebSocketDisconnect when the client leaves before."""
    session = Session(websocket.state.library.index)
    try:
        while session.closed is None:
            await _answer(websocket, session, await _receive(websocket), outbox)
    except TimeoutError:
        return await _fail(outbox, "idle", Close(POLICY, "nothing was heard for too long"))
    except WebSocketDisconnect:
        raise
    except Exception:
        logger.exception("a session failed")
        return await _fail(outbox, "internal", BUG)
    return session.closed


async def _receive(websocket: WebSocket) -> str | bytes:
    async with asyncio.timeout(websocket.state.settings.idle_seconds):
        message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message["code"])
    text: str | None = message.get("text")
    return message["bytes"] if text is None else text


async def _answer(websocket: WebSocket, session: Session, message: str | bytes, outbox: Outbox) -> None:
    """The engine works in a thread, a second of sound at a time, so that the other listeners get their turns."""
    state, steps = websocket.state, session.steps(message)
    while True:
        begin = time.perf_counter()
        replies = await anyio.to_thread.run_sync(next, steps, None, limiter=state.hearers)
        if replies is None:
            return
        state.metrics.step.observe(time.perf_counter() - begin)
        for reply in replies:
            state.metrics.events.labels(reply["type"]).inc()
        await outbox.put(replies)


async def _fail(outbox: Outbox, code: str, close: Close) -> Close:
    error: dict[str, Any] = {"type": "error", "code": code, "message": close.reason}
    await outbox.put([error])
    return close

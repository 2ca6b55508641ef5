"""/listen: a WebSocket around a `Session`. One message is answered before the next is taken: back-pressure."""

import asyncio
import logging
import time
from typing import Any

import anyio
from starlette.websockets import WebSocket, WebSocketDisconnect

from stream.protocol import POLICY, Close, Session
from web.errors import ApiError
from web.limits import Listeners, client_of
from web.outbox import Outbox

logger = logging.getLogger("earprint.web")

RETRY_SECONDS = "30"
BUG = Close(1011, "something went wrong on our side")


async def listen(websocket: WebSocket) -> None:
    """The endpoint: for whom there is no place, hears so before the handshake."""
    state, address = websocket.state, client_of(websocket)
    try:
        _check_places(state.listeners, address)
    except ApiError as refusal:
        state.metrics.refused.inc()
        await websocket.send_denial_response(refusal.response())
        return
    state.listeners.enter(address)
    try:
        await _serve(websocket)
    finally:
        state.listeners.leave(address)


def _check_places(listeners: Listeners, address: str | None) -> None:
    if listeners.full():
        raise ApiError(503, "busy", "too many are listening; try again later", {"Retry-After": RETRY_SECONDS})
    if listeners.full_for(address):
        raise ApiError(429, "too_many_listeners", "too many are listening from your address", {"Retry-After": RETRY_SECONDS})


async def _serve(websocket: WebSocket) -> None:
    await websocket.accept()
    patience = websocket.state.settings.idle_seconds
    outbox = Outbox(websocket.send_text, patience)
    sender = asyncio.create_task(outbox.run())
    try:
        close = await _converse(websocket, outbox)
        await outbox.flush()
        async with asyncio.timeout(patience):
            await websocket.close(close.code, close.reason)
    except (WebSocketDisconnect, TimeoutError):
        pass  # people close their browsers, and lose their connections
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

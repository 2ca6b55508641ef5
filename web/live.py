"""/listen: a WebSocket around a `Session`. What comes waits in an inbox, what goes in an outbox, and threads listen in between."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from stream.matcher import SHORT_WAIT
from stream.protocol import POLICY, Close, Limits, Reply, Session
from web.errors import ApiError
from web.inbox import Inbox, Lag
from web.limits import Listeners, client_of
from web.outbox import Outbox, newest

T = TypeVar("T")

logger = logging.getLogger("earprint.web")

RETRY = {"Retry-After": "30"}
STEP_SECONDS = 1.0  # of sound, after which others get their turn
LATE_SECONDS = 0.25  # of lag, from which on a step makes one report


@dataclass(frozen=True)
class Dismissal:
    """Why we end a session. With a code it is an error, which is said before the connection is closed."""

    code: str | None
    close: Close


RESTART = Dismissal(None, Close(1012, "the server restarts"))
IDLE = Dismissal("idle", Close(POLICY, "nothing was sent for too long"))
TOO_LONG = Dismissal("too_long", Close(POLICY, "listening ends after so long; begin anew"))
BUG = Dismissal("internal", Close(1011, "something went wrong on our side"))


class Ears:
    """The threads that listen: more than cores would only take turns. Whoever has the `turn` may `run` something."""

    def __init__(self, count: int) -> None:
        self.turn = asyncio.Semaphore(count)
        self._threads = ThreadPoolExecutor(count, "ear")

    async def run(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        """Waits for what is being heard; it is no more than a step."""
        self._threads.shutdown(cancel_futures=True)


class Audience:
    """All who listen, to be told when the server stops."""

    def __init__(self) -> None:
        self._present: set[Listening] = set()

    def enter(self, listening: "Listening") -> None:
        self._present.add(listening)

    def leave(self, listening: "Listening") -> None:
        self._present.discard(listening)

    async def dismiss(self, seconds: float) -> None:
        """Gives everybody their end; waits for those who take it, but no longer than so many seconds."""
        for listening in self._present:
            listening.dismiss(RESTART)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._present:
                    await asyncio.sleep(0.01)


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
    state.metrics.listeners.inc()
    listening = Listening(websocket)
    state.audience.enter(listening)
    try:
        await listening.run()
    except (WebSocketDisconnect, TimeoutError):
        pass  # people close their browsers, and lose their connections
    finally:
        state.audience.leave(listening)
        state.metrics.listeners.dec()
        state.listeners.leave(address)


def _check_places(listeners: Listeners, address: str | None) -> None:
    if listeners.full():
        raise ApiError(503, "busy", "too many are listening; try again later", RETRY)
    if listeners.full_for(address):
        raise ApiError(429, "too_many_listeners", "too many are listening from your address", RETRY)


class Listening:
    """One connection. A reader fills the inbox, a sender empties the outbox, and `_hear` works between them."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket, self._state, self._settings = websocket, websocket.state, websocket.state.settings
        limits = Limits(self._settings.message_bytes, self._settings.sample_rate, self._settings.silence_seconds)
        self._session = Session(self._state.library.index, limits)
        self._inbox, self._outbox, self._lag = Inbox(), Outbox(websocket.send_text, self._settings.idle_seconds), Lag()
        self._dismissal: Dismissal | None = None
        self._gone = self._matched = False
        self._late = 0.0  # seconds, when something was said last

    def dismiss(self, dismissal: Dismissal) -> None:
        """Ends the session as soon as its step is done. The first reason counts."""
        self._dismissal = self._dismissal or dismissal
        self._inbox.wake()

    async def run(self) -> None:
        """Raises WebSocketDisconnect or TimeoutError when the other side has gone, or reads nothing."""
        await self._websocket.accept()
        helpers = [asyncio.create_task(helper) for helper in (self._read(), self._outbox.run())]
        loop = asyncio.get_running_loop()
        timer = loop.call_later(self._settings.session_seconds, self.dismiss, TOO_LONG)
        self._watch(loop)
        try:
            close = await self._converse()
            await self._outbox.flush()
            async with asyncio.timeout(self._settings.idle_seconds):
                await self._websocket.close(close.code, close.reason)
        finally:
            timer.cancel()
            self._watching.cancel()
            for helper in helpers:
                helper.cancel()

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                self._gone = True
                return self._inbox.wake()
            text: str | None = message.get("text")
            await self._inbox.put(message["bytes"] if text is None else text)

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Dismisses who sends nothing for too long. One timer, which looks when it is due: to move it with each message would cost more."""
        rest = self._settings.idle_seconds - self._inbox.quiet_seconds()
        if rest <= 0:
            return self.dismiss(IDLE)
        self._watching = loop.call_later(rest, self._watch, loop)

    async def _converse(self) -> Close:
        """Runs the session to its end."""
        try:
            while self._session.closed is None and self._dismissal is None:
                await self._hear()
            if self._session.closed is None:
                await self._say(await self._in_turn(self._session.interrupt))
        except (WebSocketDisconnect, TimeoutError):
            raise
        except Exception:
            logger.exception("a session failed")
            return await self._explain(BUG)
        return self._session.closed or await self._explain(self._dismissal or BUG)

    async def _explain(self, dismissal: Dismissal) -> Close:
        if dismissal.code:
            await self._say([{"type": "error", "code": dismissal.code, "message": dismissal.close.reason}])
        return dismissal.close

    async def _hear(self) -> None:
        """Answers all that waits, in steps, so that the other listeners get their turns."""
        arrived = await self._inbox.wait(self._session.wanted)
        if arrived is not None:
            self._lag.caught_up(arrived)
        parts: Iterator[list[Reply]] | None = None
        more = True
        while more and not self._gone and self._dismissal is None:
            asked = time.perf_counter()
            async with self._state.ears.turn:
                waited = time.perf_counter() - asked
                self._session.waited(max(waited, self._late) if waited > SHORT_WAIT else 0.0)  # else it is not the others who make it late
                parts = parts or self._parts(self._inbox.take())  # taken late: what came meanwhile is heard in one go
                begin, before = time.perf_counter(), self._session.heard
                replies, more = await self._state.ears.run(partial(self._step, parts))
            self._state.metrics.step.observe(time.perf_counter() - begin)
            self._state.metrics.heard.inc(self._session.heard - before)
            await self._say(replies)
        if self._gone:
            raise WebSocketDisconnect(1006)

    def _parts(self, messages: list[str | bytes]) -> Iterator[list[Reply]]:
        return chain.from_iterable(map(self._session.steps, messages))

    def _step(self, parts: Iterator[list[Reply]]) -> tuple[list[Reply], bool]:
        """The replies to about a second of sound, and whether there is more. Runs in a thread."""
        replies, until = [], self._session.heard + STEP_SECONDS
        for part in parts:
            replies += part
            if self._session.closed or self._session.heard >= until:
                return replies, self._session.closed is None
        return replies, False

    async def _in_turn(self, call: Callable[[], T]) -> T:
        async with self._state.ears.turn:
            result: T = await self._state.ears.run(call)
            return result

    async def _say(self, replies: list[Reply]) -> None:
        self._late = self._lag.after(self._session.heard)
        if self._late > LATE_SECONDS:
            replies = newest(replies)
        for reply in replies:
            if reply["type"] == "guesses":
                reply["lag"] = round(self._late, 3)
            self._count(reply)
        await self._outbox.put(replies)

    def _count(self, reply: Reply) -> None:
        metrics = self._state.metrics
        metrics.events.labels(reply["type"]).inc()
        match reply["type"]:
            case "guesses":
                metrics.lookups.labels("listener").inc()
                metrics.lag.observe(reply["lag"])
            case "match" if not self._matched:
                self._matched = True
                metrics.matched.observe(reply["elapsed"])
            case "error":
                metrics.errors.labels(reply["code"]).inc()

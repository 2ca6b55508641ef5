"""What is on its way to one listener, who may be slow."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable

from starlette.websockets import WebSocketDisconnect

from stream.protocol import Reply

WAITING_LIMIT = 100  # events that may be unsent; with guesses dropped these are minutes of music
encode = json.JSONEncoder(separators=(",", ":")).encode  # `json.dumps` makes such an encoder each time
KEPT = {"guesses": 0, "constellation": 40}  # how many of a type that new ones overtake still wait; of a picture its ten seconds


def newest(events: list[Reply]) -> list[Reply]:
    """The events of a server that is late: of its guesses only the latest."""
    latest = next((event for event in reversed(events) if event["type"] == "guesses"), None)
    return [event for event in events if event["type"] != "guesses" or event is latest]


class Outbox:
    """Events on their way to one listener, in order. While it is slow, guesses and pictures that newer ones overtake are dropped.

    So a client may send a whole album before it reads a word, and one on a bad line hears of now, not of then.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]], patience: float) -> None:
        """`patience`: seconds to wait for a listener that reads nothing, when there is nothing else to do."""
        self._send, self._patience = send, patience
        self._waiting: deque[Reply] = deque()
        self._some, self._fewer = asyncio.Event(), asyncio.Event()
        self._idle = True  # nothing waits and nothing is being sent
        self._gone = False

    async def put(self, events: list[Reply]) -> None:
        """Takes events; waits while too many are unsent, pictures that may still be dropped among them.

        Raises WebSocketDisconnect when the patience is at its end.
        """
        if not events:
            return
        for type in {event["type"] for event in events} & KEPT.keys():
            self._drop(type)
        self._waiting.extend(events)
        self._idle = False
        self._some.set()
        await self._until(lambda: len(self._waiting) < WAITING_LIMIT)

    def _drop(self, type: str) -> None:
        """Drops the oldest that wait of a type, down to those that are kept."""
        excess = sum(event["type"] == type for event in self._waiting) - KEPT[type]
        kept: deque[Reply] = deque()
        for event in self._waiting:
            if event["type"] == type and excess > 0:
                excess -= 1
            else:
                kept.append(event)
        self._waiting = kept

    async def flush(self) -> None:
        """Waits until everything is sent. Raises as `put`, and when the listener is gone: there is nobody left to say more to."""
        await self._until(lambda: self._idle)
        if self._gone:
            raise WebSocketDisconnect(1006)

    async def _until(self, condition: Callable[[], bool]) -> None:
        if condition() or self._gone:
            return
        try:
            async with asyncio.timeout(self._patience):
                while not (condition() or self._gone):
                    self._fewer.clear()
                    await self._fewer.wait()
        except TimeoutError:
            raise WebSocketDisconnect(1006) from None

    async def run(self) -> None:
        """Sends until it is cancelled, or the listener is gone: no error, and the receiver will hear of it, too."""
        try:
            while True:
                await self._send(encode(await self._next()))
        except WebSocketDisconnect:
            self._gone = True
            self._fewer.set()

    async def _next(self) -> Reply:
        if not self._waiting:
            self._idle = True
            self._fewer.set()
            self._some.clear()
            await self._some.wait()
        reply = self._waiting.popleft()
        self._fewer.set()
        return reply

"""What has come from one listener and waits for its turn, and how late that makes the answers."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

WAITING_BYTES = 1 << 17  # of messages that may wait; 1.5 s of a microphone at 44.1 kHz
WAITING_MESSAGES = 1_000  # that may wait, however small: an empty one costs memory, too


class Inbox:
    """Messages in order. Full with so many bytes or messages: then nothing is read, and a fast sender is slowed down by its own network.

    While a busy server lets them wait they add up, so that the next step takes them all at once: the later it is, the less a second
    of sound costs. And sound of which there is too little to say anything waits for more.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._wanted = WAITING_BYTES  # bytes that are worth a step; until somebody says so, no fewer than there is room for
        self._arrived = 0.0  # when there were enough
        self._latest = clock()  # when the latest message came
        self._some, self._room = asyncio.Event(), asyncio.Event()
        self._room.set()

    async def put(self, message: str | bytes) -> None:
        """Waits while there is no room. One message always has room, however large."""
        if not self._room.is_set():
            await self._room.wait()
        self._latest = self._clock()
        self._waiting.append(message)
        self._bytes += len(message)
        if self._bytes >= WAITING_BYTES or len(self._waiting) >= WAITING_MESSAGES:
            self._room.clear()
        if isinstance(message, str) or self._enough():
            self._arrived = self._arrived if self._some.is_set() else self._latest
            self._some.set()

    async def wait(self, wanted: int = 0) -> float | None:
        """Until there is a text, or so many bytes, or no room, or `wake` is called. When they had come, if they had to be waited for."""
        self._wanted = min(wanted, WAITING_BYTES)
        if self._waiting and self._enough():
            self._some.set()
        if self._some.is_set():
            return None
        await self._some.wait()
        return self._arrived

    def _enough(self) -> bool:
        """For a step. Without room for more that is whatever there is, or it would wait for ever."""
        return self._bytes >= self._wanted or not self._room.is_set()

    def wake(self) -> None:
        self._some.set()

    def quiet_seconds(self) -> float:
        """Since the latest message came; 0 while there is no room for another."""
        return self._clock() - self._latest if self._room.is_set() else 0.0

    def take(self) -> list[str | bytes]:
        """All that waits."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._bytes, self._wanted = 0, WAITING_BYTES  # what the next step wants is known when this one is done
        self._some.clear()
        self._room.set()
        return taken


class Lag:
    """How far the answers are behind the sound, in seconds, by the sender's own measure.

    Since nothing waited the last time, a microphone has sent a second of sound each second; what of it has not been heard is late. One
    who sends faster than that is never told of a lag, and one who pauses is waited for, which starts anew.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._before: float | None = None  # seconds heard by then

    def caught_up(self, at: float) -> None:
        """Nothing waited, and then a message came."""
        self._since, self._before = at, None

    def after(self, heard: float) -> float:
        """When so many seconds have been heard."""
        if self._before is None:
            self._before = heard
        return max(0.0, self._clock() - self._since - (heard - self._before))

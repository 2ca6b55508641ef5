"""Whose turn it is: decoding takes seconds and all cores, so a few files are worked on at a time, and a few requests wait."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import anyio

from web.errors import ApiError

T = TypeVar("T")

RETRY_SECONDS = 5  # after which a client who was refused may ask again


class Turns:
    """At most `at_once` files are worked on at a time; as many requests and `waiting` more have a place, others are refused.

    A request with many files queues anew for each, so that it does not keep others waiting for all of them.
    """

    def __init__(self, at_once: int, waiting: int) -> None:
        self._threads = anyio.CapacityLimiter(at_once)
        self.places = at_once + waiting
        self._taken = 0

    def check(self) -> None:
        """Raises ApiError, 503 with Retry-After, when all places are taken: better said before a large body has been sent."""
        if self._taken >= self.places:
            retry = {"Retry-After": str(RETRY_SECONDS)}
            raise ApiError(503, "busy", f"too many files are being analysed; try again in {RETRY_SECONDS} s", retry)

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place in the line. Raises as `check`."""
        self.check()
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    @property
    def working(self) -> bool:
        return self._threads.borrowed_tokens > 0

    async def run(self, call: Callable[..., T], *args: object) -> T:
        """The result of `call(*args)`, in a thread, when it is its turn."""
        return await anyio.to_thread.run_sync(call, *args, limiter=self._threads)

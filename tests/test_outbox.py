"""Events for a listener: in order, all for a fast one, the newest for a slow one, and no end of memory for none."""

import asyncio
import json
from contextlib import asynccontextmanager
from types import SimpleNamespace

import pytest
from starlette.websockets import WebSocketDisconnect

from web.outbox import KEPT, WAITING_LIMIT, Outbox


class Line:
    """A connection that takes messages only while it is open."""

    def __init__(self):
        self.open, self.sent = asyncio.Event(), []

    async def send(self, text):
        await self.open.wait()
        self.sent.append(json.loads(text))


def guesses(*numbers):
    return [{"type": "guesses", "n": n} for n in numbers]


MATCH, LOST, END = ({"type": type} for type in ("match", "lost", "end"))


@asynccontextmanager
async def outbox_on(line, patience=10.0):
    outbox = Outbox(line.send, patience)
    task = asyncio.create_task(outbox.run())
    yield outbox
    task.cancel()


def test_a_fast_listener_gets_everything():
    async def run():
        line = Line()
        line.open.set()
        async with outbox_on(line) as outbox:
            await outbox.put(guesses(1, 2, 3))
            await asyncio.sleep(0)
            await outbox.put([*guesses(4), END])
            await outbox.flush()
        assert line.sent == [*guesses(1, 2, 3, 4), END]

    asyncio.run(run())


def test_a_slow_listener_misses_only_guesses_that_newer_ones_overtake():
    async def run():
        line = Line()
        async with outbox_on(line) as outbox:
            await outbox.put(guesses(1))
            await asyncio.sleep(0.01)  # the first is being sent by now, and stays
            await outbox.put([*guesses(2), MATCH])
            await outbox.put(guesses(3))
            await outbox.put([LOST])
            await outbox.put([*guesses(4), END])
            line.open.set()
            await outbox.flush()
        assert line.sent == [*guesses(1), MATCH, LOST, *guesses(4), END]

    asyncio.run(run())


def test_a_slow_listener_misses_only_pictures_that_are_too_old():
    async def run():
        line = Line()
        async with outbox_on(line) as outbox:
            await outbox.put([MATCH])
            await asyncio.sleep(0.01)  # it is being sent
            for n in range(KEPT["constellation"] + 2):
                await outbox.put([{"type": "constellation", "n": n}])
            await outbox.put([LOST])
            line.open.set()
            await outbox.flush()
        assert line.sent == [MATCH, *({"type": "constellation", "n": n + 1} for n in range(KEPT["constellation"] + 1)), LOST]

    asyncio.run(run())


def test_a_slow_listener_stops_us_before_memory_grows():
    async def run():
        line = Line()
        async with outbox_on(line) as outbox:
            full = asyncio.create_task(outbox.put([MATCH] * (WAITING_LIMIT + 1)))
            await asyncio.sleep(0.01)
            assert not full.done()
            line.open.set()
            await asyncio.wait_for(full, 1)
            await outbox.flush()
        assert line.sent == [MATCH] * (WAITING_LIMIT + 1)

    asyncio.run(run())


def test_patience_with_a_listener_that_reads_nothing_has_an_end():
    async def run():
        async with outbox_on(Line(), patience=0.02) as outbox:
            await outbox.put(guesses(1))
            with pytest.raises(WebSocketDisconnect):
                await outbox.put([MATCH] * (WAITING_LIMIT + 1))
            with pytest.raises(WebSocketDisconnect):
                await outbox.flush()

    asyncio.run(run())


def test_a_listener_that_is_gone_stops_nobody():
    async def gone(text):
        raise WebSocketDisconnect(1006)

    async def run():
        async with outbox_on(SimpleNamespace(send=gone)) as outbox:
            for _ in range(3):
                await asyncio.wait_for(outbox.put([MATCH] * WAITING_LIMIT), 1)
            with pytest.raises(WebSocketDisconnect):
                await asyncio.wait_for(outbox.flush(), 1)

    asyncio.run(run())

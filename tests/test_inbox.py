"""Messages that wait for their turn, and how late that makes the answers."""

import asyncio
from types import SimpleNamespace

import pytest

from web.inbox import WAITING_BYTES, WAITING_MESSAGES, Inbox, Lag


def test_messages_come_out_in_order_and_all_at_once():
    async def run():
        inbox = Inbox()
        for message in ("start", b"1", b"2"):
            await inbox.put(message)
        assert await inbox.wait() is None
        assert inbox.take() == ["start", b"1", b"2"]
        assert inbox.take() == []

    asyncio.run(run())


def test_a_fast_sender_waits_for_room():
    async def run():
        inbox = Inbox()
        await inbox.put(bytes(WAITING_BYTES - 1))
        await inbox.put(bytes(1 << 20))  # there was still room
        waiting = asyncio.create_task(inbox.put(b"more"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        assert len(inbox.take()) == 2
        await asyncio.wait_for(waiting, 1)
        assert inbox.take() == [b"more"]

    asyncio.run(run())


@pytest.mark.parametrize("message", [b"", b"1", ""])
def test_so_does_a_sender_of_many_messages_that_hold_little(message):
    async def run():
        inbox = Inbox()
        for _ in range(WAITING_MESSAGES):
            await asyncio.wait_for(inbox.put(message), 1)
        waiting = asyncio.create_task(inbox.put(b"more"))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        assert len(inbox.take()) == WAITING_MESSAGES
        await asyncio.wait_for(waiting, 1)
        assert inbox.take() == [b"more"]

    asyncio.run(run())


@pytest.mark.parametrize("late", [False, True])
def test_so_many_are_worth_a_step_before_there_is_enough_sound(late):
    async def run():
        inbox = Inbox()
        waiting = None if late else asyncio.create_task(inbox.wait(wanted=WAITING_BYTES))
        await asyncio.sleep(0)
        for _ in range(WAITING_MESSAGES):
            assert late or not waiting.done()
            await inbox.put(b"")
        await asyncio.wait_for(waiting or inbox.wait(wanted=WAITING_BYTES), 1)

    asyncio.run(run())


def test_it_says_when_what_was_waited_for_came():
    async def run():
        now = SimpleNamespace(seconds=5.0)
        inbox = Inbox(lambda: now.seconds)
        waiting = asyncio.create_task(inbox.wait())
        await asyncio.sleep(0)
        await inbox.put(b"1")
        now.seconds = 9.0
        assert await waiting == 5.0
        assert await inbox.wait() is None  # it is still there

    asyncio.run(run())


def test_too_little_sound_waits_for_more():
    async def run():
        now = SimpleNamespace(seconds=1.0)
        inbox = Inbox(lambda: now.seconds)
        waiting = asyncio.create_task(inbox.wait(wanted=3))
        await inbox.put(b"12")
        await asyncio.sleep(0)
        assert not waiting.done()
        now.seconds = 2.0
        await inbox.put(b"3")
        now.seconds = 3.0
        assert await waiting == 2.0
        assert inbox.take() == [b"12", b"3"]

    asyncio.run(run())


def test_what_came_during_a_step_is_judged_by_what_is_wanted_after_it():
    async def run():
        inbox = Inbox()
        inbox.take()
        await inbox.put(b"12")
        assert await inbox.wait(wanted=2) is None
        inbox.take()
        await inbox.put(b"12")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(inbox.wait(wanted=3), 0.01)

    asyncio.run(run())


@pytest.mark.parametrize("message", ["stop", bytes(WAITING_BYTES)])
def test_a_text_does_not_wait_nor_does_all_that_there_is_room_for(message):
    async def run():
        inbox = Inbox()
        waiting = asyncio.create_task(inbox.wait(wanted=2 * WAITING_BYTES))
        await asyncio.sleep(0)
        await inbox.put(message)
        await asyncio.wait_for(waiting, 1)

    asyncio.run(run())


def test_whoever_waits_can_be_woken():
    async def run():
        inbox = Inbox()
        inbox.wake()
        await inbox.put(b"1")
        assert await asyncio.wait_for(inbox.wait(wanted=3), 1) is None

    asyncio.run(run())


class TestLag:
    @pytest.fixture
    def now(self):
        return SimpleNamespace(seconds=100.0)

    @pytest.fixture
    def lag(self, now):
        lag = Lag(lambda: now.seconds)
        lag.caught_up(100.0)
        return lag

    def test_is_the_time_for_the_work_while_nothing_waits(self, lag, now):
        now.seconds = 100.25
        assert lag.after(heard=0.1) == 0.25

    def test_grows_while_seconds_take_longer_than_a_second(self, lag, now):
        lag.after(heard=0.1)
        now.seconds = 103.0
        assert lag.after(heard=1.1) == pytest.approx(2.0)
        now.seconds = 103.5
        assert lag.after(heard=3.1) == pytest.approx(0.5)

    def test_of_a_file_that_is_sent_at_once_is_none(self, lag, now):
        lag.after(heard=1.0)
        now.seconds = 100.5
        assert lag.after(heard=60.0) == 0.0

    def test_does_not_count_a_pause_of_the_sender(self, lag, now):
        lag.after(heard=1.0)
        now.seconds = 500.0
        lag.caught_up(500.0)
        assert lag.after(heard=1.1) == 0.0

"""A few files at a time, a few requests wait, and others are told to come again."""

import anyio
import pytest

from web.errors import ApiError
from web.turns import RETRY_SECONDS, Turns


def test_places_are_limited_and_given_back():
    turns = Turns(1, 1)
    with turns.place(), turns.place():
        with pytest.raises(ApiError) as refused:
            turns.check()
        assert (refused.value.status_code, refused.value.headers) == (503, {"Retry-After": str(RETRY_SECONDS)})
        with pytest.raises(ApiError), turns.place():
            raise AssertionError("it was let in")
    with turns.place():
        turns.check()


def test_a_failure_gives_its_place_back():
    turns = Turns(1, 0)
    with pytest.raises(ZeroDivisionError), turns.place():
        raise ZeroDivisionError
    turns.check()


def test_only_so_many_work_at_a_time():
    running, most = [0], [0]

    def work(number):
        running[0] += 1
        most[0] = max(most[0], running[0])
        anyio.from_thread.run(anyio.sleep, 0.02)
        running[0] -= 1
        return number

    async def main():
        turns, results = Turns(2, 8), []

        async def one(number):
            results.append(await turns.run(work, number))

        async with anyio.create_task_group() as group:
            for number in range(8):
                group.start_soon(one, number)
        return sorted(results)

    assert anyio.run(main) == list(range(8))
    assert most == [2]

"""What keeps the event loop from its work is noticed."""

import asyncio
import time

from prometheus_client import CollectorRegistry, Histogram

from web.monitor import PERIOD_SECONDS, watch

BLOCK_SECONDS = 0.2


def test_a_block_is_noticed():
    registry = CollectorRegistry()
    late = Histogram("late", "Seconds.", buckets=(0.1,), registry=registry)

    async def run():
        watching = asyncio.create_task(watch(late))
        await asyncio.sleep(2 * PERIOD_SECONDS)
        time.sleep(BLOCK_SECONDS)
        await asyncio.sleep(2 * PERIOD_SECONDS)
        watching.cancel()

    asyncio.run(run())
    value = registry.get_sample_value
    assert value("late_bucket", {"le": "+Inf"}) - value("late_bucket", {"le": "0.1"}) == 1
    assert value("late_sum") > BLOCK_SECONDS - 2 * PERIOD_SECONDS

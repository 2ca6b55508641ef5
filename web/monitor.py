"""How long the event loop was kept from its work: whoever connects, or is to be answered, waits for so long."""

import asyncio

from prometheus_client import Histogram

PERIOD_SECONDS = 0.02  # what is to be noticed


async def watch(late: Histogram) -> None:
    """Sleeps for a period again and again, and notes by how much too late it wakes up."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + PERIOD_SECONDS
        await asyncio.sleep(PERIOD_SECONDS)
        late.observe(max(0.0, loop.time() - due))

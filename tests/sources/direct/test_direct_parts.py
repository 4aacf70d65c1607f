import asyncio
import threading

import pytest

from iotstream.batch import BatchLimits
from iotstream.sources.direct.consumer import MIB, limits_within
from iotstream.sources.direct.threads import in_thread


@pytest.mark.parametrize(
    ("memory_mib", "shards", "expected_mib"),
    [(1024, 1, 128), (1024, 4, 65), (1024, 20, 7), (1024, 1_000, 1), (64, 1, 1), (1024, 0, 128)],
)
def test_spans_share_the_memory(memory_mib, shards, expected_mib):
    limits = limits_within(BatchLimits(max_rows=5), memory_mib * MIB, shards)

    assert limits.max_rows == 5
    assert limits.max_bytes // MIB == expected_mib


def test_in_thread_runs_beside_the_loop():
    async def main():
        return await in_thread(threading.get_ident), threading.get_ident()

    other, mine = asyncio.run(main())

    assert other != mine


def test_in_thread_raises_what_was_raised():
    with pytest.raises(ZeroDivisionError):
        asyncio.run(in_thread(lambda: 1 / 0))


def test_in_thread_may_be_given_up():
    """A call that ends later, before or after the loop is closed, disturbs nobody."""
    ended, release = threading.Event(), threading.Event()

    async def main(call):
        task = asyncio.create_task(in_thread(call))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        return task.cancelled()

    def late():
        release.wait(5)
        ended.set()

    assert asyncio.run(main(late))
    release.set()
    assert ended.wait(5)

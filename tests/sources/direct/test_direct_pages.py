"""Against the real local Kinesis, by aiobotocore."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

from iotstream.errors import StreamUnavailable
from iotstream.retry import Backoff
from iotstream.sources.direct.pages import Pages
from iotstream.stream_calls import Cursor, Start, parse_pages
from kinesis_stand import Stand

SHARD = "shardId-000000000000"
QUICK = Backoff(base_s=0.001, cap_s=0.002, deadline_s=0.05)


@pytest.fixture
def make_stand():
    made = []

    def make(**how):
        made.append(Stand(**how))
        return made[-1]

    yield make
    for stand in made:
        stand.close()


@asynccontextmanager
async def reading(stand, *, backoff=QUICK, stream="s", start="TRIM_HORIZON", slept=None):
    """Pages whose waits move the stream's clock."""
    slept = [] if slept is None else slept

    async def sleep(seconds):
        slept.append(seconds)
        stand.clock.advance(seconds)

    async with get_session().create_client(
        "kinesis",
        endpoint_url=stand.endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=AioConfig(retries={"total_max_attempts": 1}),
    ) as client:
        parse_pages(client)
        cursor = Cursor(stream, SHARD, Start(start), clock=stand.clock)
        yield Pages(
            client, cursor, stream=stream, shard_id=SHARD, backoff=backoff, clock=stand.clock, sleep=sleep
        )


def payloads_until_tip(stand, **how):
    async def read():
        read = []
        async with reading(stand, **how) as pages:
            while True:
                page = await pages.next()
                read += page.records.payloads
                if page.behind_ms == 0:
                    return read

    return asyncio.run(read())


@pytest.mark.parametrize(
    "error",
    [
        "ProvisionedThroughputExceededException",
        "InternalFailureException",
        "ServiceUnavailable",
        "ConnectionLost",
        "ExpiredIteratorException",
    ],
)
@pytest.mark.parametrize("operation", ["GetRecords", "GetShardIterator"])
def test_passing_troubles_lose_nothing(make_stand, operation, error):
    stand = make_stand()
    payloads = [b"%d" % index for index in range(25_000)]
    stand.put(*payloads)
    stand.fault(operation, error=error, count=3)

    assert payloads_until_tip(stand) == payloads
    assert [fault["struck"] for fault in stand.kinesis.faults.report()] == [3]


@pytest.mark.parametrize("error", ["ServiceUnavailable", "ExpiredIteratorException"])
def test_until_the_deadline(make_stand, error):
    stand = make_stand()
    stand.fault("GetRecords", error=error)

    with pytest.raises(StreamUnavailable, match=rf"reading {SHARD}.*retry\.deadline_s"):
        payloads_until_tip(stand)


def test_what_waiting_does_not_mend(make_stand):
    stand = make_stand()

    with pytest.raises(StreamUnavailable, match=r"'other'.*stream\.name"):
        payloads_until_tip(stand, stream="other")


def test_a_long_pause_between_pages(make_stand):
    stand = make_stand()
    payloads = [b"%d" % index for index in range(10_001)]
    stand.put(*payloads)

    async def read():
        async with reading(stand) as pages:
            first = await pages.next()
            stand.clock.advance(301)
            return [*first.records.payloads, *(await pages.next()).records.payloads]

    assert asyncio.run(read()) == payloads


def test_pace(make_stand):
    """While behind 5 calls a second, at the tip one; the service itself never refuses one."""
    stand = make_stand(limits=True)
    stand.clock.advance(10)
    for _ in range(21):
        stand.put(*(b"x" for _ in range(1_000)))
        stand.clock.advance(1)
    slept = []

    async def read():
        async with reading(stand, slept=slept) as pages:
            return [await pages.next() for _ in range(5)]

    pages = asyncio.run(read())

    assert [len(page.records) for page in pages] == [10_000, 10_000, 1_000, 0, 0]
    assert slept == [pytest.approx(0.2, abs=0.15)] * 2 + [pytest.approx(1, abs=0.15)] * 2


def test_the_end_of_a_shard(make_stand):
    stand = make_stand()
    stand.put(b"a")
    stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))

    async def read():
        async with reading(stand) as pages:
            return await pages.next()

    page = asyncio.run(read())

    assert page.next_iterator is None
    assert [child.ShardId[-1] for child in page.child_shards] == ["1", "2"]

import pytest

from iotstream.journal.base import ShardState
from iotstream.manifest import Manifest, encode
from iotstream.position import Position
from iotstream.sources.direct.starts import Plan, initial_start, plan
from iotstream.stream_calls import Start

OLDEST, NEWEST = Start("TRIM_HORIZON"), Start("LATEST")
AT = initial_start("2026-01-31T13:00:00+01:00")


def intent(first: str, last: str) -> bytes:
    return encode(
        Manifest(
            application="a",
            stream="s",
            stream_arn="arn:x/s",
            stream_created_ms=0,
            shard_id="0",
            first=first,
            last=last,
            previous=None,
            read_after="LATEST",
            kinesis_records=1,
            records=1,
            items=1,
            rows=1,
            rejects={},
            arrival_ms=None,
            objects=(),
            dead_letters=(),
            deferred=(),
            schema="f",
            layout="dt/hour",
            epoch=1,
            intended_ms=0,
        )
    )


def test_a_time_is_an_instant():
    assert Start("AT_TIMESTAMP", timestamp=1769860800.0) == AT


@pytest.mark.parametrize(
    ("initial", "follows", "expected"),
    [
        (OLDEST, False, Plan(OLDEST, "TRIM_HORIZON")),
        (OLDEST, True, Plan(OLDEST, "TRIM_HORIZON")),
        (NEWEST, False, Plan(NEWEST, "LATEST")),
        (NEWEST, True, Plan(OLDEST, "TRIM_HORIZON")),
        (AT, False, Plan(AT, "AT_TIMESTAMP")),
        (AT, True, Plan(AT, "AT_TIMESTAMP")),
    ],
)
@pytest.mark.parametrize("state", [None, ShardState(3)])
def test_without_anything_committed(initial, follows, expected, state):
    assert plan(state, initial, follows=follows) == expected


@pytest.mark.parametrize("initial", [OLDEST, NEWEST, AT])
def test_on_after_what_is_committed(initial):
    state = ShardState(1, committed=Position(70, 2))

    assert plan(state, initial, follows=False) == Plan(Start("AT_SEQUENCE_NUMBER", 70), "70.2")


@pytest.mark.parametrize("committed", [None, Position(5)])
def test_on_after_what_was_intended(committed):
    """It is committed by then; LATEST in its place would look as if records had been skipped."""
    state = ShardState(1, committed=committed, intent=intent("6", "9.3"))

    assert plan(state, NEWEST, follows=False) == Plan(Start("AT_SEQUENCE_NUMBER", 9), "9.3")

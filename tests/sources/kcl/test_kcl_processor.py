"""The processor against a double of the daemon that keeps KCL's rules for checkpoints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.batch import BatchLimits
from iotstream.errors import ClaimLost, GapFound, SinkUnavailable, StreamUnavailable
from iotstream.pipeline import Pipeline
from iotstream.position import Position
from iotstream.retry import Backoff
from iotstream.schema import Schema
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.processor import LEASE_LOST_WITHIN_S, Processor
from iotstream.sources.kcl.protocol import (
    Checkpoint,
    DaemonGone,
    Initialize,
    LeaseLost,
    ProcessRecords,
    Record,
    ShardEnded,
    ShutdownRequested,
)
from iotstream.testing import MemorySink

SCHEMA = Schema.load()
END = "SHARD_END"
BEFORE = Position(-1)
START = Initialize("shardId-0", "TRIM_HORIZON", 0)
ROW = b'{"deviceId":"a","timestamp":"2026-01-01T00:00:00Z","temperature":1,"humidity":2}'
NOW_MS = 1_767_225_600_000  # that time


def records(*positions, behind=0):
    found = [Record(ROW, str(one), sub, NOW_MS) for one, sub in (_pair(one) for one in positions)]
    return ProcessRecords(found, behind)


def _pair(position):
    return position if isinstance(position, tuple) else (position, 0)


class Daemon:
    """Sends actions; notes what is answered; takes checkpoints as KCL does."""

    def __init__(self, *actions, last=BEFORE, errors=()):
        self.actions = list(actions)
        self.history = []
        self.errors = list(errors)
        self.last = last
        self.most = last
        self.ended = False

    def receive(self):
        if not self.actions:
            return None
        action = self.actions.pop(0)
        if isinstance(action, ProcessRecords) and action.records:
            final = action.records[-1]
            self.most = Position(int(final.sequence_number), final.sub_sequence_number or 0)
        self.ended |= isinstance(action, ShardEnded)
        return action

    def acknowledge(self, action):
        self.history.append(type(action).__name__)

    def checkpoint(self, position):
        if self.errors and (error := self.errors.pop(0)):
            return error
        if position is None:
            assert self.ended, "a bare checkpoint covers what is only collected"
            self.history.append(END)
            return None
        if not self.last <= position <= self.most:
            return "IllegalArgumentException"
        self.last = position
        self.history.append(position)
        return None


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds


class Stand:
    """A processor with what is around it."""

    def __init__(self, daemon, *, sink=None, limits=None, **pipeline):
        self.daemon = daemon
        self.sink = sink or MemorySink()
        self.clock = Clock()
        self.opened = []
        self.reports = []
        self.limits = limits or BatchLimits(max_rows=1)
        self.pipeline = pipeline
        self.processor = Processor(
            daemon,
            self.open,
            stream="s",
            limits=lambda: self.limits,
            report=self.reports.append,
            backoff=Backoff(deadline_s=1.0),
            clock=self.clock,
            sleep=self.clock.sleep,
        )

    def open(self, shard_id, read_after):
        self.opened.append((shard_id, read_after))
        return Pipeline(SCHEMA, lake=[self.sink], **self.pipeline)

    def run(self):
        return self.processor.run()

    @property
    def rows(self):
        return sum(batch.data.num_rows for batch in self.sink.batches)


def test_what_is_durable_is_checkpointed_before_the_answer():
    daemon = Daemon(START, records(1, 2), records(3, (4, 0), (4, 1)), LeaseLost())
    stand = Stand(daemon)
    assert stand.run() is Outcome.LEASE_LOST
    assert stand.opened == [("shardId-0", "TRIM_HORIZON")]
    assert daemon.history == [
        "Initialize",
        Position(2),
        "ProcessRecords",
        Position(4, 1),
        "ProcessRecords",
        "LeaseLost",
    ]
    assert stand.rows == 5


def test_what_is_only_collected_is_not_checkpointed_and_is_dropped_with_the_lease():
    daemon = Daemon(START, records(1, 2), records(3), LeaseLost())
    stand = Stand(daemon, limits=BatchLimits())
    stand.run()
    assert daemon.history == ["Initialize", "ProcessRecords", "ProcessRecords", "LeaseLost"]
    assert stand.rows == 0


def test_an_idle_shards_span_closes_by_its_age():
    daemon = Daemon(START, records(1), ProcessRecords([], 0), ProcessRecords([], 0))
    stand = Stand(daemon, limits=BatchLimits(max_age_s=10))
    receive = daemon.receive

    def later():
        stand.clock.now += 5
        return receive()

    daemon.receive = later
    assert stand.run() is Outcome.DAEMON_GONE
    assert daemon.history == ["Initialize", "ProcessRecords", "ProcessRecords", Position(1), "ProcessRecords"]


def test_the_shards_end_is_checkpointed_after_the_last_span():
    daemon = Daemon(START, records(1, 2), ShardEnded())
    stand = Stand(daemon, limits=BatchLimits())
    written = []
    write = stand.sink.write
    stand.sink.write = lambda batch: (written.append(list(daemon.history)), write(batch))[1]
    assert stand.run() is Outcome.SHARD_ENDED
    assert daemon.history == ["Initialize", "ProcessRecords", END, "ShardEnded"]
    assert written == [["Initialize", "ProcessRecords"]]
    assert stand.rows == 2


def test_an_empty_shard_ends_too():
    daemon = Daemon(START, ShardEnded())
    Stand(daemon).run()
    assert daemon.history == ["Initialize", END, "ShardEnded"]


def test_a_shutdown_writes_and_checkpoints_what_is_open():
    daemon = Daemon(START, records(1, 2), ShutdownRequested(), LeaseLost())
    stand = Stand(daemon, limits=BatchLimits())
    assert stand.run() is Outcome.LEASE_LOST
    assert daemon.history == ["Initialize", "ProcessRecords", Position(2), "ShutdownRequested", "LeaseLost"]
    assert Stand(Daemon(START, ShutdownRequested())).run() is Outcome.HANDED_OVER


@pytest.mark.parametrize("error", [SinkUnavailable("down"), GapFound("gone"), KeyError("a mistake")])
@pytest.mark.parametrize("action", [records(2), ShardEnded(), ShutdownRequested()])
def test_what_fails_is_not_answered(action, error):
    daemon = Daemon(START, records(1), action, records(3))
    stand = Stand(daemon, limits=BatchLimits(max_rows=2))

    def fail(_):
        raise error

    stand.sink.write = fail
    with pytest.raises(type(error)):
        stand.run()
    assert daemon.history == ["Initialize", "ProcessRecords"]


def test_a_shard_that_can_not_be_opened_is_not_answered():
    daemon = Daemon(START, records(1))
    stand = Stand(daemon)
    stand.processor._open_pipeline = lambda *_: (_ for _ in ()).throw(SinkUnavailable("down"))
    with pytest.raises(SinkUnavailable):
        stand.run()
    assert daemon.history == []


def test_the_checkpoint_stays_within_what_kcl_has_delivered():
    """The journal may be ahead of the checkpoint, after a crash between the two."""
    daemon = Daemon(START, records(1, 2), records(3, 4), records(5), ProcessRecords([]))
    stand = Stand(daemon, limits=BatchLimits(), after=Position(3))
    stand.run()
    positions = [one for one in daemon.history if isinstance(one, Position)]
    assert positions == [Position(2), Position(3)]
    assert stand.sink.batches == []


def test_the_checkpoint_never_goes_back():
    """The lease may be ahead of the journal, where records were gone."""
    daemon = Daemon(Initialize("shardId-0", "10", 4), records(11), records(12), last=Position(10, 4))
    stand = Stand(daemon, limits=BatchLimits(max_rows=2), after=Position(7))
    stand.run()
    assert stand.opened == [("shardId-0", "10.4")]
    assert daemon.history == ["Initialize", "ProcessRecords", Position(12), "ProcessRecords"]


@pytest.mark.parametrize("error", ["ThrottlingException", "KinesisClientLibDependencyException"])
def test_a_checkpoint_is_tried_again(error):
    daemon = Daemon(START, records(1), ShardEnded(), errors=[error, error, None, error])
    stand = Stand(daemon)
    stand.run()
    assert daemon.history == ["Initialize", Position(1), "ProcessRecords", END, "ShardEnded"]
    assert stand.clock.now > 0


def test_a_checkpoint_that_fails_does_not_stop_the_shard_but_its_end_must_be_taken(caplog):
    throttled = ["ThrottlingException"] * 1000
    daemon = Daemon(START, records(1), records(2), errors=throttled)
    stand = Stand(daemon)
    stand.run()
    assert daemon.history == ["Initialize", "ProcessRecords", "ProcessRecords"]
    assert stand.rows == 2
    assert "no checkpoint at 1: ThrottlingException" in caplog.text
    daemon = Daemon(START, ShardEnded(), errors=throttled)
    with pytest.raises(StreamUnavailable, match="ThrottlingException"):
        Stand(daemon).run()
    assert daemon.history == ["Initialize"]


def lost(*_):
    raise ClaimLost("another worker has the shard")


def test_a_lost_claim_writes_nothing_more_and_waits_for_the_lease_to_be_lost():
    daemon = Daemon(START, records(1), records(2), ProcessRecords([]), ShutdownRequested(), LeaseLost())
    stand = Stand(daemon)
    stand.sink.write = lost
    assert stand.run() is Outcome.LEASE_LOST
    assert [one for one in daemon.history if isinstance(one, Position)] == []
    assert daemon.history[-2:] == ["ShutdownRequested", "LeaseLost"]
    assert stand.reports[-1].claims_lost == 1


def test_a_lost_lease_that_shows_at_a_checkpoint_is_the_same():
    daemon = Daemon(START, records(1), records(2), LeaseLost(), errors=["ShutdownException"])
    stand = Stand(daemon)
    assert stand.run() is Outcome.LEASE_LOST
    assert stand.rows == 1
    assert daemon.history == ["Initialize", "ProcessRecords", "ProcessRecords", "LeaseLost"]


def test_a_lost_claim_without_a_lost_lease_ends_the_process_after_a_while():
    daemon = Daemon(START, records(1), *[ProcessRecords([])] * 100)
    stand = Stand(daemon)
    stand.sink.write = lost
    receive = daemon.receive

    def later():
        stand.clock.now += 1
        return receive()

    daemon.receive = later
    with pytest.raises(ClaimLost):
        stand.run()
    assert len(daemon.history) == LEASE_LOST_WITHIN_S + 2  # the one that opened it, the one that lost it


def test_a_lost_claim_never_ends_the_shard():
    daemon = Daemon(START, records(1), ShardEnded())
    stand = Stand(daemon)
    stand.sink.write = lost
    with pytest.raises(ClaimLost):
        stand.run()
    assert daemon.history == ["Initialize", "ProcessRecords"]


def test_a_lease_that_is_lost_at_the_shards_end_is_left_to_its_holder():
    daemon = Daemon(START, ShardEnded(), errors=["ShutdownException"])
    assert Stand(daemon).run() is Outcome.SHARD_ENDED
    assert daemon.history == ["Initialize", "ShardEnded"]


def test_limits_hold_from_the_next_push_on_and_status_is_reported():
    daemon = Daemon(START, records(1, 2, behind=70), records(3), records(4))
    stand = Stand(daemon, limits=BatchLimits())
    receive = daemon.receive

    def lower_at_the_third():
        if len(daemon.actions) == 1:
            stand.limits = BatchLimits(max_bytes=1)
        return receive()

    daemon.receive = lower_at_the_third
    stand.run()
    assert daemon.history[-2:] == [Position(4), "ProcessRecords"]
    assert [one.records for one in stand.reports] == [0, 2, 3, 4]
    assert [one.behind_ms for one in stand.reports] == [None, 70, 0, 0]
    assert [one.spans for one in stand.reports] == [0, 0, 0, 1]


@pytest.mark.parametrize("where", ["checkpoint", "acknowledge"])
def test_a_daemon_that_is_gone_is_an_end_and_no_mistake_of_the_shards(where):
    daemon = Daemon(START, records(1), records(2))
    stand = Stand(daemon)

    def gone(_):
        raise DaemonGone("gone")

    setattr(daemon, where, gone)
    assert stand.run() is Outcome.DAEMON_GONE


def test_messages_out_of_turn_are_refused():
    with pytest.raises(StreamUnavailable, match="before it named the shard"):
        Stand(Daemon(records(1))).run()
    with pytest.raises(StreamUnavailable, match="nobody asked for"):
        Stand(Daemon(START, Checkpoint(None))).run()


runs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=15)


@given(runs, st.integers(1, 6), st.booleans())
def test_the_checkpoint_covers_exactly_what_is_written(runs, max_rows, ended):
    """Whatever is delivered, a position is checkpointed only when all up to it is in the sink."""
    actions, sequence = [], 0
    for count, sub in runs:
        positions = [(sequence + index, sub if index == count - 1 else 0) for index in range(count)]
        sequence += count
        actions.append(records(*positions))
    daemon = Daemon(START, *actions, ShardEnded() if ended else ShutdownRequested())
    stand = Stand(daemon, limits=BatchLimits(max_rows=max_rows))
    checked = []
    take = daemon.checkpoint

    def checkpoint(position):
        checked.append((position, stand.sink.batches[-1].span.last if stand.sink.batches else None))
        return take(position)

    daemon.checkpoint = checkpoint
    stand.run()
    assert stand.rows == sequence
    assert all(position is None or position == written for position, written in checked)
    assert "IllegalArgumentException" not in daemon.history
    if sequence and not ended:
        assert daemon.last == daemon.most

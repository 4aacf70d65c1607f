"""Each journal against a plain model, with workers by turns; DynamoDB with answers lost, requests late."""

import http.client
import uuid
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from journal_worker import KEY

from iotstream.errors import ClaimLost
from iotstream.journal.base import ShardState
from iotstream.journal.dynamodb import DynamoJournal
from iotstream.journal.dynamodb_table import Table, create_table
from iotstream.journal.memory import MemoryJournal
from iotstream.journal.sqlite import SqliteJournal
from iotstream.position import Position
from iotstream.retry import Backoff

WORKERS = st.integers(0, 2)
KEYS = st.sampled_from([KEY, KEY._replace(shard_id="shardId-001"), KEY._replace(application="other")])
EPOCHS = st.none() | st.integers(0, 3)  # None: the one that this worker claimed last
POSITIONS = st.builds(Position, st.integers(8, 12), st.integers(0, 1))
TIMES = st.integers(0, 3)
INTENTS = st.sampled_from([b"a", b"b", b"", b"\xfe", b"large" * 4_000])


class Model:
    """The contract in its shortest form."""

    def __init__(self):
        self.states = {}

    def claim(self, key, owner):
        before = self.states.get(key, ShardState(0))
        self.states[key] = before._replace(epoch=before.epoch + 1, owner=owner)
        return self.states[key]

    def intend(self, key, epoch, intent):
        before = self.held(key, epoch)
        if before.intent not in {None, intent}:
            raise ClaimLost
        self.states[key] = before._replace(intent=intent)

    def commit(self, key, epoch, committed, until):
        before = self.held(key, epoch)
        if before.committed is not None and committed < before.committed:
            raise ClaimLost
        until = before.complete_until_ms if until is None else until
        self.states[key] = before._replace(committed=committed, intent=None, complete_until_ms=until)

    def touch(self, key, epoch, until):
        self.states[key] = self.held(key, epoch)._replace(complete_until_ms=until)

    def held(self, key, epoch):
        state = self.states.get(key)
        if state is None or state.epoch != epoch:
            raise ClaimLost
        return state

    def shards(self, group):
        return {key.shard_id: state for key, state in self.states.items() if key.group == group}


def outcome(function, *args):
    try:
        return plain(function(*args))
    except ClaimLost:
        return ClaimLost


def plain(answer):
    """Without the time, which the model does not have."""
    return answer._replace(updated_ms=0) if isinstance(answer, ShardState) else answer


class Machine(RuleBasedStateMachine):
    def __init__(self, journals):
        super().__init__()
        self.journals = journals
        self.model = Model()
        self.claimed = {}

    def same(self, worker, name, *args):
        expected = outcome(getattr(self.model, name), *args)
        assert outcome(getattr(self.journals[worker], name), *args) == expected
        return expected

    def epoch(self, worker, key, epoch):
        return self.claimed.get((worker, key), 0) if epoch is None else epoch

    @rule(worker=WORKERS, key=KEYS)
    def claim(self, worker, key):
        self.claimed[worker, key] = self.same(worker, "claim", key, f"worker {worker}").epoch

    @rule(worker=WORKERS, key=KEYS, epoch=EPOCHS, intent=INTENTS)
    def intend(self, worker, key, epoch, intent):
        self.same(worker, "intend", key, self.epoch(worker, key, epoch), intent)

    @rule(worker=WORKERS, key=KEYS, epoch=EPOCHS, committed=POSITIONS, until=st.none() | TIMES)
    def commit(self, worker, key, epoch, committed, until):
        self.same(worker, "commit", key, self.epoch(worker, key, epoch), committed, until)

    @rule(worker=WORKERS, key=KEYS, epoch=EPOCHS, until=TIMES)
    def touch(self, worker, key, epoch, until):
        self.same(worker, "touch", key, self.epoch(worker, key, epoch), until)

    @rule(worker=WORKERS, key=KEYS)
    def look(self, worker, key):
        journal = self.journals[worker]
        state = journal.read(key)
        assert (None if state is None else plain(state)) == self.model.states.get(key)
        found = {shard: plain(one) for shard, one in journal.shards(key.group).items()}
        assert found == self.model.shards(key.group)

    def teardown(self):
        for journal in self.journals:
            journal.close()


class DynamoMachine(Machine):
    """Answers are lost after the table has done as it was asked, and old requests reach it once more."""

    def __init__(self, tables):
        super().__init__([DynamoJournal(table) for table in tables])
        self.lose = [0] * len(tables)
        self.sent = []
        for worker, table in enumerate(tables):
            events = table.client.meta.events
            events.register("before-send.dynamodb.UpdateItem", lambda request, **_: self.sent.append(request))
            events.register("after-call.dynamodb", lambda worker=worker, **_: self.perhaps_lose(worker))

    def perhaps_lose(self, worker):
        if self.lose[worker] > 0:
            self.lose[worker] -= 1
            raise ReadTimeoutError(endpoint_url="lost")

    @rule(worker=WORKERS, count=st.integers(1, 3))
    def answers_will_be_lost(self, worker, count):
        self.lose[worker] = count

    @precondition(lambda self: self.sent)
    @rule(back=st.integers(1, 30))
    def a_request_arrives_once_more(self, back):
        request = self.sent[-min(back, len(self.sent))]
        url = urlsplit(request.url)
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
        headers = {name: value for name, value in request.headers.items() if name != "Content-Length"}
        connection.request("POST", "/", request.body, headers)
        answer = connection.getresponse()
        assert (answer.status, b"ConditionalCheckFailed" in answer.read()) == (400, True)
        connection.close()


def run(make, **limits):
    run_state_machine_as_test(make, settings=settings(stateful_step_count=30, deadline=None, **limits))


def test_memory_is_as_the_model():
    def make():
        return Machine([MemoryJournal()] * 3)

    run(make, max_examples=200)


def test_sqlite_is_as_the_model(tmp_path):
    def make():
        path = tmp_path / f"{uuid.uuid4().hex}.db"
        return Machine([SqliteJournal(path) for _ in range(3)])

    run(make, max_examples=100)


@pytest.mark.timeout(180)
def test_dynamodb_is_as_the_model_though_answers_are_lost_and_requests_late(aws):
    def make():
        name = f"machine-{uuid.uuid4().hex}"
        create_table(aws, name)
        tables = [Table(name, aws, Backoff(deadline_s=1e6), sleep=lambda _: None) for _ in range(3)]
        return DynamoMachine(tables)

    # A call takes milliseconds: to find the shortest example would take minutes.
    run(make, max_examples=15, phases=[Phase.generate])

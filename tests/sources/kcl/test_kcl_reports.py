"""Parent and children over a real socket."""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
import time

import pytest

from iotstream.sources.kcl import reports
from iotstream.sources.kcl.hub import Hub
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.reports import Reporter, ReportHandler
from iotstream.sources.status import ShardStatus, Status


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(reports, "EVERY_S", 0.05)


@pytest.fixture
def status():
    return Status()


@pytest.fixture
def hub(status, tmp_path):
    hub = Hub(tmp_path / "reports", status, memory_bytes=1000)
    yield hub
    hub.close()


@pytest.fixture
def join(hub, tmp_path):
    joined = []

    def start():
        joined.append(Reporter(str(tmp_path / "reports")))
        return joined[-1]

    yield start
    for one in joined:
        one.end(Outcome.LEASE_LOST)


def shard(name, **values):
    return ShardStatus(shard_id=name, updated=0.0, **values)


def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_status_arrives_again_and_again(status, join):
    one = join()
    one.update(shard("shardId-0", records=1))
    until(lambda: [s.records for s in status.shards()] == [1])
    first = status.shards()[0].updated
    assert abs(first - time.time()) < 5
    one.update(shard("shardId-0", records=2))
    until(lambda: [s.records for s in status.shards()] == [2])
    until(lambda: status.shards()[0].updated > first)


def test_memory_is_shared_by_the_shards_that_are_read(join, hub, caplog):
    children = [join() for _ in range(3)]
    until(lambda: hub.processes == 3)
    assert children[0].share_bytes is None
    for index, one in enumerate(children):
        one.update(shard(f"shardId-{index}"))
    until(lambda: [one.share_bytes for one in children] == [333] * 3)
    assert "IOTSTREAM_CONSUMER_MEMORY_BYTES" in caplog.text
    children.pop().end(Outcome.LEASE_LOST)
    until(lambda: [one.share_bytes for one in children] == [500] * 2)


def test_a_process_that_ends_with_a_word_is_no_failure(status, join, hub):
    one = join()
    one.update(shard("shardId-0", records=5))
    until(status.shards)
    one.end(Outcome.LEASE_LOST)
    until(lambda: hub.processes == 0)
    assert hub.failures == []
    assert status.shards() == []
    assert status.totals().records == 5
    assert status.health()[0]


def test_a_process_whose_daemon_is_gone_is_named_but_no_cause(status, join, hub):
    one = join()
    one.update(shard("shardId-0"))
    one.end(Outcome.DAEMON_GONE)
    until(lambda: hub.abandoned)
    assert hub.abandoned == ["shardId-0"]
    assert hub.failures == []
    assert status.health()[0]


def test_what_went_wrong_is_told(status, join, hub):
    one = join()
    one.end(Outcome.FAILED, "shardId-0: SinkUnavailable: the lake is down")
    until(lambda: hub.failures)
    assert hub.failures == ["shardId-0: SinkUnavailable: the lake is down"]
    assert status.health() == (False, hub.failures[0])


CHILD = """
import sys, time
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.reports import Reporter
from iotstream.sources.status import ShardStatus
one = Reporter(sys.argv[1])
one.update(ShardStatus(shard_id="shardId-7", updated=0.0))
time.sleep(60)
"""


def test_a_process_that_is_killed_is_a_failure(status, hub, tmp_path):
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "reports")])
    until(status.shards)
    hub.kill()
    assert child.wait(10) == -9
    until(lambda: hub.processes == 0)
    assert hub.failures == [f"process {child.pid} of shardId-7 ended without a word"]
    assert not status.health()[0]


def test_a_shard_that_comes_again_before_its_former_process_has_gone(status, join, hub):
    former, latter = join(), join()
    former.update(shard("shardId-0", records=100))
    until(status.shards)
    latter.update(shard("shardId-0", records=1))
    until(lambda: status.totals().records == 101)
    former.end(Outcome.LEASE_LOST)
    until(lambda: hub.processes == 1)
    assert [one.records for one in status.shards()] == [1]
    assert status.totals().records == 101


def test_logs_go_through_the_parent(join, capsysbinary):
    handler = ReportHandler(join())
    handler.shard_id = "shardId-3"
    logger = logging.getLogger("iotstream.test")
    logger.addHandler(handler)
    try:
        logger.error("broken\n%s", "twice", extra={"span": 7})
    finally:
        logger.removeHandler(handler)
    lines = []
    deadline = time.monotonic() + 10
    while not lines and time.monotonic() < deadline:
        lines = capsysbinary.readouterr().err.splitlines()
        time.sleep(0.01)
    (line,) = map(json.loads, lines)
    assert line["message"] == "broken\ntwice"
    assert (line["shard"], line["span"], line["pid"]) == ("shardId-3", 7, os.getpid())


def test_without_a_parent_logs_go_to_stderr(tmp_path, capsysbinary):
    for path in ("", str(tmp_path / "nobody")):
        one = Reporter(path)
        one.log(b'{"message":"alone"}\n')
        one.update(shard("shardId-0"))
        assert capsysbinary.readouterr().err == b'{"message":"alone"}\n'
        one.end(Outcome.SHARD_ENDED)


def test_a_parent_that_goes_does_not_stop_a_process(tmp_path, capsysbinary):
    hub = Hub(tmp_path / "short", Status(), memory_bytes=1 << 40)
    one = Reporter(str(tmp_path / "short"))
    until(lambda: hub.processes == 1)
    hub.close()
    for _ in range(3):
        one.log(b'{"message":"on"}\n')
    assert b'{"message":"on"}\n' in capsysbinary.readouterr().err
    one.end(Outcome.SHARD_ENDED)


def test_a_parent_that_does_not_read_does_not_stop_a_process(tmp_path):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "deaf"))
        listener.listen()
        one = Reporter(str(tmp_path / "deaf"))
        began = time.monotonic()
        for _ in range(5000):
            one.log(b'{"message":"' + b"x" * 1000 + b'"}\n')
        assert time.monotonic() - began < 5
        assert len(one._unsent) <= reports.MAX_UNSENT_BYTES
        began = time.monotonic()
        one.end(Outcome.SHARD_ENDED)
        assert time.monotonic() - began < 5


def test_what_is_no_report_is_passed_over(status, hub, join, tmp_path, caplog):
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(str(tmp_path / "reports"))
        stranger.sendall(b"hello\n{}\n")
        until(lambda: caplog.text.count("what is no report") == 2)
        one = join()
        one.update(shard("shardId-0"))
        until(status.shards)

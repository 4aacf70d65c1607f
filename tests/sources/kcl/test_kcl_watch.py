"""When the parent ends, hastens or kills the daemon, and with what exit status; against doubles."""

from __future__ import annotations

import signal
import threading

import pytest

from iotstream.sources.kcl import consumer


class Daemon:
    """Ends when it is told to by a scenario: `exits` is called at each look."""

    def __init__(self, exits):
        self.exits = exits
        self.asked = 0
        self.status = None

    def wait(self, timeout_s):
        threading.Event().wait(timeout_s)
        if self.status is None:
            self.status = self.exits(self)
        return self.status

    def stop(self):
        self.asked += 1

    def kill(self):
        self.status = -signal.SIGKILL


class Hub:
    def __init__(self, processes):
        self.processes = processes
        self.failures = []
        self.abandoned = []
        self.killed = 0

    def kill(self):
        self.killed += self.processes


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(consumer, "LOOK_S", 0.005)
    monkeypatch.setattr(consumer, "LINGER_S", 0.05)


@pytest.fixture
def watch(caplog):
    def run(exits, hub, *, stopped=True, shutdown_s=0.3):
        stop = threading.Event()
        if stopped:
            stop.set()
        daemon = Daemon(exits)
        return consumer._watch(daemon, hub, stop, shutdown_s), daemon

    return run


def test_a_stop_is_passed_on_once_and_clean_when_all_shards_have_finished(watch):
    hub = Hub(2)

    def exits(daemon):
        if daemon.asked:
            hub.processes = 0
            return 143
        return None

    status, daemon = watch(exits, hub)
    assert (status, daemon.asked, hub.killed) == (0, 1, 0)


def test_a_daemon_that_ends_by_itself_is_a_failure(watch, caplog):
    assert watch(lambda _: 1, Hub(0), stopped=False)[0] == 1
    assert "the daemon ended with status 1" in caplog.text
    assert watch(lambda _: 0, Hub(0), stopped=False)[0] == 1


def test_a_daemon_that_waits_for_nobody_is_hastened(watch):
    hub = Hub(1)

    def exits(_):
        hub.processes = 0

    status, daemon = watch(exits, hub, shutdown_s=60)
    assert (status, daemon.status) == (0, -signal.SIGKILL)


def test_shards_that_it_takes_again_meanwhile_are_no_failure(watch):
    hub = Hub(1)
    looks = iter([0] + [2] * 1000)

    def exits(_):
        hub.processes = next(looks)
        hub.abandoned = ["shardId-0"]

    status, daemon = watch(exits, hub, shutdown_s=60)
    assert (status, daemon.status) == (0, -signal.SIGKILL)


def test_a_shard_that_does_not_finish_in_time_is_a_failure(watch, caplog):
    hub = Hub(1)

    def exits(daemon):
        hub.abandoned = ["shardId-7"]

    status, daemon = watch(exits, hub)
    assert (status, daemon.status, hub.killed) == (1, -signal.SIGKILL, 1)
    assert "shardId-7 is not finished" in caplog.text


def test_a_shard_that_failed_is_a_failure_and_the_daemon_is_hastened(watch, caplog):
    hub = Hub(0)
    hub.failures = ["shardId-0: the lake is down"]
    for stopped in (True, False):
        status, daemon = watch(lambda _: None, hub, stopped=stopped, shutdown_s=60)
        assert (status, daemon.status) == (1, -signal.SIGKILL)
    assert "the lake is down" in caplog.text


def test_other_shards_finish_before_it_is_hastened(watch):
    hub = Hub(1)
    hub.failures = ["shardId-0: the lake is down"]
    looks = iter([1] * 30 + [0] * 1000)

    def exits(_):
        hub.processes = next(looks)

    status, _ = watch(exits, hub, stopped=False)
    assert status == 1
    assert sum(1 for _ in looks) < 1000

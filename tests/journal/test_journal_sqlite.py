"""What is SQLite's own: processes that share a file, are killed, or hold its lock."""

import contextlib
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import journal_worker
import pytest
from journal_worker import KEY

from iotstream.errors import ConfigurationError, JournalUnavailable
from iotstream.journal import open_journal
from iotstream.journal.sqlite import BUSY_WAIT_S
from iotstream.position import Position
from iotstream.retry import Backoff

WORKER = Path(journal_worker.__file__)


def start(path, until, owner):
    """A worker that is ready, and begins on `begin`."""
    command = [sys.executable, str(WORKER), f"sqlite://{path}", str(until), owner]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def begin(process):
    process.stdin.write("\n")
    process.stdin.flush()


def committed(line):
    assert line.startswith("committed ")
    return int(line.removeprefix("committed "))


def integrity(path):
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchone()[0]


def test_a_writer_killed_at_any_moment_leaves_all_that_it_was_told_is_durable(sqlite):
    path, source = sqlite()._path, random.Random(7)
    epoch = last = moved = 0
    for number in range(15):
        with start(path, 10**9, f"w{number}") as process:
            begin(process)
            acknowledged = committed(process.stdout.readline())
            time.sleep(source.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            acknowledged = max([acknowledged, *map(committed, whole_lines(process.stdout.read()))])
        assert integrity(path) == "ok"
        state = sqlite().read(KEY)
        assert state.epoch > epoch
        assert state.owner == f"w{number}"
        assert state.committed.sequence_number >= max(acknowledged, last + 1)
        moved += state.committed.sequence_number - last
        epoch, last = state.epoch, state.committed.sequence_number
        if state.intent is not None:
            assert state.intent.startswith(b"[%d, " % (last + 1))
    assert moved > 100


def whole_lines(text):
    return text.splitlines()[: text.count("\n")]


def test_processes_that_race_write_each_record_in_exactly_one_span(sqlite):
    journal = sqlite()
    done = []
    # One may be through before the others have begun: then all of them go on from there.
    for until in range(1_000, 21_000, 1_000):
        workers = [start(journal._path, until, f"w{number}") for number in range(3)]
        for worker in workers:
            begin(worker)
        done += [
            [committed(line) for line in worker.communicate(timeout=120)[0].splitlines()]
            for worker in workers
        ]
        assert [worker.returncode for worker in workers] == [0, 0, 0]
        if sum(1 for ends in done[-3:] if ends) > 1:
            break
    else:
        pytest.fail("there was no race")
    state = journal.read(KEY)
    assert state.intent is None
    # Each span ends where the protocol cuts after the one before it, and only one worker committed it.
    ends, last = [], 0
    while last < until:
        last = last + 1 + (last + 1) % 3
        ends.append(last)
    assert sorted(end for some in done for end in some) == ends
    assert state.committed.sequence_number == last


@contextlib.contextmanager
def locked(path):
    """Another process in the middle of a write."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


def test_a_file_that_stays_locked_is_unavailable_at_the_deadline(sqlite):
    journal = sqlite(backoff=Backoff(base_s=0.05, deadline_s=0.5))
    epoch = journal.claim(KEY, "w").epoch
    with locked(journal._path):
        began = time.monotonic()
        with pytest.raises(JournalUnavailable, match=r"journal\.db: database is locked"):
            journal.commit(KEY, epoch, Position(1))
        assert 0.2 < time.monotonic() - began < 5
        assert journal.read(KEY).committed is None
    journal.commit(KEY, epoch, Position(1))
    assert journal.read(KEY).committed == Position(1)


def test_a_lock_is_waited_for(sqlite):
    journal = sqlite(backoff=Backoff(deadline_s=60))
    claims = []
    thread = threading.Thread(target=lambda: claims.append(journal.claim(KEY, "w")))
    with locked(journal._path):
        thread.start()
        thread.join(BUSY_WAIT_S + 0.5)
        assert claims == []
    thread.join(60)
    assert claims[0].epoch == 1


def test_a_thread_does_not_wait_longer_for_another_than_for_a_process(sqlite):
    journal = sqlite(backoff=Backoff(base_s=0.05, deadline_s=0.5))
    errors = []

    def claim():
        try:
            journal.claim(KEY, "w")
        except JournalUnavailable as error:
            errors.append(str(error))

    with locked(journal._path):
        threads = [threading.Thread(target=claim) for _ in range(6)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(errors) == 6
    assert time.monotonic() - began < 5


def test_a_file_that_is_no_journal_is_refused_by_name(tmp_path, sqlite):
    path = sqlite()._path
    for content in (b"no database at all, but text" * 100, None):
        other = path.with_name("other.db")
        if content is None:
            other.unlink()
            with contextlib.closing(sqlite3.connect(other)) as connection:
                connection.execute("CREATE TABLE journal (x)")
        else:
            other.write_bytes(content)
        with pytest.raises(ConfigurationError, match=r"journal .*other\.db can't be used: "):
            open_journal(f"sqlite://{other}")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match=r"journal .*file/x\.db can't be opened: "):
        open_journal(f"sqlite://{tmp_path}/file/x.db")
    with pytest.raises(ConfigurationError, match=r"can't be opened: unable to open"):
        open_journal(f"sqlite://{tmp_path}/below")


def test_a_full_disk_or_the_like_is_unavailable_and_changes_nothing(sqlite):
    journal = sqlite()
    epoch = journal.claim(KEY, "w").epoch
    journal._connection.execute("PRAGMA max_page_count = 3")
    with pytest.raises(JournalUnavailable, match="database or disk is full"):
        journal.intend(KEY, epoch, bytes(1_000_000))
    assert journal.read(KEY).intent is None
    journal.commit(KEY, epoch, Position(1))
    assert sqlite().read(KEY).committed == Position(1)


def test_what_is_acknowledged_is_on_the_disk(sqlite):
    connection = sqlite()._connection
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL

"""A worker that writes one span after another by the journal's protocol; also run as a program.

    python journal_worker.py sqlite:///path 100 first-worker

It begins when there is a line on its standard input, and prints `committed <n>` after each commit, once the
journal has it.
"""

import json
import sys

from iotstream.errors import ClaimLost
from iotstream.journal import open_journal
from iotstream.journal.base import ShardKey
from iotstream.position import Position

SPANS_A_CLAIM = 10
KEY = ShardKey("app", "arn:aws:kinesis:us-east-1:123456789012:stream/s", 1_700_000_000_000, "shardId-000")


def work(journal, until, owner, done):
    """Write spans of one to three records up to `until`; calls done(first, last) after each commit."""
    while True:
        try:
            state = journal.claim(KEY, owner)
            if state.intent is not None:
                state = finish(journal, state, done)
            for _ in range(SPANS_A_CLAIM):
                if last_of(state) >= until:
                    return
                first = last_of(state) + 1
                intent = json.dumps([first, first + first % 3]).encode()
                journal.intend(KEY, state.epoch, intent)
                state = finish(journal, state._replace(intent=intent), done)
        except ClaimLost:
            continue


def finish(journal, state, done):
    first, last = json.loads(state.intent)
    assert first == last_of(state) + 1
    journal.commit(KEY, state.epoch, Position(last), last * 10)
    done(first, last)
    return state._replace(committed=Position(last), intent=None)


def last_of(state):
    return 0 if state.committed is None else state.committed.sequence_number


if __name__ == "__main__":
    uri, until, owner = sys.argv[1:]
    journal = open_journal(uri)
    print("ready", flush=True)
    sys.stdin.readline()
    work(journal, int(until), owner, lambda _, last: print("committed", last, flush=True))

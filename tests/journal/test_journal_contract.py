"""What `iotstream.journal.base` promises, of each journal."""

import threading
import time

import pytest
from journal_worker import KEY, work

from iotstream.errors import ClaimLost
from iotstream.journal.base import ShardState
from iotstream.position import Position

FAR = Position(49_545_115_243_490_985_018_280_067_714_973_144_582_180_062_593_244_200_961, 17)
"""As large as they are, of which a number of DynamoDB holds too few digits."""


def test_a_claim_fences_every_older_epoch(opening):
    old, new = opening(), opening()
    assert old.claim(KEY, "old").epoch == 1
    old.intend(KEY, 1, b"span")
    claimed = new.claim(KEY, "new")
    assert (claimed.epoch, claimed.owner, claimed.intent, claimed.committed) == (2, "new", b"span", None)
    for write in (
        lambda: old.intend(KEY, 1, b"span"),
        lambda: old.commit(KEY, 1, FAR),
        lambda: old.touch(KEY, 1, 7),
    ):
        with pytest.raises(ClaimLost, match=r"shardId-000: claimed by 'new': the epoch is 2, ours was 1"):
            write()
    assert old.read(KEY)._replace(updated_ms=0) == ShardState(2, intent=b"span", owner="new")
    new.commit(KEY, 2, FAR)
    assert old.read(KEY).committed == FAR


def test_a_shard_that_was_never_claimed_can_not_be_written(opening):
    journal = opening()
    assert journal.read(KEY) is None
    for write in (
        lambda: journal.intend(KEY, 1, b"span"),
        lambda: journal.commit(KEY, 1, FAR),
        lambda: journal.touch(KEY, 1, 7),
    ):
        with pytest.raises(ClaimLost, match="never claimed in this journal"):
            write()
    assert journal.read(KEY) is None


@pytest.mark.parametrize(
    "intent",
    [
        b'{"first": "1"}\n',
        '{"é": "\U0001f321"}'.encode(),
        b"",
        b"\xff\x00",
        b'{"a":1}' * 5_000,
        bytes(20_000),
    ],
    ids=["json", "unicode", "empty", "bytes", "large", "zeros"],
)
def test_intending_the_same_twice_is_once_and_another_is_refused(opening, intent):
    journal = opening()
    epoch = journal.claim(KEY, "w").epoch
    journal.intend(KEY, epoch, intent)
    journal.intend(KEY, epoch, intent)
    assert opening().read(KEY).intent == intent
    for one in (journal, opening()):
        with pytest.raises(ClaimLost, match="another intent"):
            one.intend(KEY, epoch, intent + b"!")
    assert opening().read(KEY).intent == intent


def test_a_commit_clears_the_intent_and_the_next_may_follow(opening):
    journal = opening()
    epoch = journal.claim(KEY, "w").epoch
    journal.intend(KEY, epoch, b"one")
    journal.commit(KEY, epoch, Position(5))
    journal.commit(KEY, epoch, Position(5))
    assert journal.read(KEY)[:4] == (epoch, Position(5), None, None)
    journal.intend(KEY, epoch, b"two")
    journal.commit(KEY, epoch, Position(5, 1))
    assert journal.claim(KEY, "w")[:4] == (epoch + 1, Position(5, 1), None, None)


def test_a_commit_never_goes_back(opening):
    journal = opening()
    epoch = journal.claim(KEY, "w").epoch
    journal.commit(KEY, epoch, Position(1000, 2))
    journal.intend(KEY, epoch, b"next")
    # As text, 999 would be greater.
    for lower in (Position(1000, 1), Position(1000), Position(999), Position(999, 9)):
        with pytest.raises(ClaimLost, match=rf"1000\.2 is committed, and {lower} lies before it"):
            journal.commit(KEY, epoch, lower)
    assert journal.read(KEY)[:4] == (epoch, Position(1000, 2), None, b"next")
    journal.commit(KEY, epoch, FAR)
    assert journal.read(KEY).committed == FAR


def test_complete_until_is_set_by_commit_and_by_touch(opening):
    journal = opening()
    epoch = journal.claim(KEY, "w").epoch
    journal.touch(KEY, epoch, 100)
    journal.touch(KEY, epoch, 100)
    assert journal.read(KEY)[:4] == (epoch, None, 100, None)
    journal.commit(KEY, epoch, Position(1))
    assert journal.read(KEY).complete_until_ms == 100
    journal.commit(KEY, epoch, Position(2), 200)
    assert journal.read(KEY).complete_until_ms == 200
    journal.intend(KEY, epoch, b"span")
    journal.touch(KEY, epoch, 300)
    assert journal.read(KEY)[:4] == (epoch, Position(2), 300, b"span")


def test_the_items_of_a_group_are_found_by_shard_and_no_others(opening):
    journal = opening()
    others = (
        KEY._replace(application="app@run"),
        KEY._replace(application="ap"),
        KEY._replace(stream_created_ms=KEY.stream_created_ms + 1),
        KEY._replace(stream_arn=KEY.stream_arn + "2"),
    )
    for number in range(3):
        journal.claim(KEY._replace(shard_id=f"shardId-{number:012}"), f"w{number}")
    for other in others:
        for _ in range(3):
            journal.claim(other, "other")
    found = opening().shards(KEY.group)
    assert sorted(found) == [f"shardId-{number:012}" for number in range(3)]
    assert {(state.epoch, state.owner) for state in found.values()} == {(1, f"w{n}") for n in range(3)}
    assert journal.shards("none") == {}
    assert all(journal.read(other).epoch == 3 for other in others)


def test_an_item_says_when_it_changed(opening):
    journal = opening()
    before = time.time_ns() // 1_000_000
    epoch = journal.claim(KEY, "w").epoch
    time.sleep(0.005)
    claimed = journal.read(KEY).updated_ms
    journal.touch(KEY, epoch, 1)
    after = journal.read(KEY).updated_ms
    assert before <= claimed < after <= time.time_ns() // 1_000_000
    time.sleep(0.005)
    journal.touch(KEY, epoch, 1)
    assert journal.read(KEY).updated_ms == after


def in_threads(count, run):
    errors = []

    def guarded(number):
        try:
            run(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.mark.parametrize("shared", [True, False], ids=["one journal", "a journal each"])
def test_racing_claims_get_an_epoch_of_their_own_each(opening, shared):
    journals = [opening()] * 4 if shared else [opening() for _ in range(4)]
    epochs = []

    def run(number):
        epochs.extend(journals[number].claim(KEY, f"w{number}").epoch for _ in range(8))

    in_threads(4, run)
    assert sorted(epochs) == list(range(1, 33))
    assert journals[0].read(KEY).epoch == 32


def test_in_memory_nobody_comes_between_a_look_and_a_write(memory):
    journal = memory()

    def slowly(state):
        time.sleep(0.01)
        return ShardState(1 if state is None else state.epoch + 1)

    in_threads(4, lambda _: journal._change(KEY, slowly))
    assert journal.read(KEY).epoch == 4


@pytest.mark.parametrize("shared", [True, False], ids=["one journal", "a journal each"])
def test_racing_workers_write_each_record_in_exactly_one_span(opening, shared):
    journals = [opening()] * 3 if shared else [opening() for _ in range(3)]
    done = []
    in_threads(3, lambda n: work(journals[n], 60, f"w{n}", lambda first, last: done.append((first, last))))
    assert_tiled(done, journals[0])


def assert_tiled(done, journal):
    """No record in two spans, none in no span, and no span committed twice."""
    state = journal.read(KEY)
    assert state.intent is None
    records = [record for first, last in done for record in range(first, last + 1)]
    assert sorted(records) == list(range(1, state.committed.sequence_number + 1))

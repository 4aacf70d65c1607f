"""What follows from an invocation's outcome: which records are done, and what is tried again.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html,
https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from iotstream.local.event_source.batching import Record
from iotstream.local.event_source.settings import UNLIMITED, EventSourceSettings

RETRIES_EXHAUSTED = "RetryAttemptsExhausted"
AGE_EXCEEDED = "RecordAgeExceeded"
TOO_LARGE = "PayloadTooLarge"
"""Not Lambda's: a record whose event alone is above the payload limit, so that it can't be invoked with."""


class Piece(NamedTuple):
    """Records that are to be invoked together.

    Attributes:
        records: in the shard's order.
        failures: how often an invocation with just these has failed; splitting doesn't count.
        invocations: how often they were sent.
    """

    records: Sequence[Record]
    failures: int = 0
    invocations: int = 0


class Discard(NamedTuple):
    """Records that are given up, and why."""

    piece: Piece
    condition: str


def first_failure(payload: bytes, records: Sequence[Record]) -> int:
    """Where to go on after an answer: the index of the first record that failed; all done = their number.

    An empty answer, null, and an empty or null list of failures mean success. The lowest of the
    reported sequence numbers counts. Anything malformed (an identifier that is missing, empty, null or
    not in the batch, no JSON) means that the whole batch failed: 0.
    """
    try:
        answer = orjson.loads(payload) if payload.strip() else None
    except orjson.JSONDecodeError:
        return 0
    if answer is None or answer in ("", []):
        return len(records)
    if not isinstance(answer, dict):
        return 0
    reported = answer.get("batchItemFailures")
    if reported is None or reported == []:
        return len(records)
    return _lowest(reported, records)


def _lowest(reported: Any, records: Sequence[Record]) -> int:
    places = {record.sequence_number: index for index, record in enumerate(records)}
    if not isinstance(reported, list):
        return 0
    found = []
    for one in reported:
        identifier = one.get("itemIdentifier") if isinstance(one, dict) else None
        if not isinstance(identifier, str) or identifier not in places:
            return 0
        found.append(places[identifier])
    return min(found)


def after(piece: Piece, done: int, settings: EventSourceSettings) -> list[Piece]:
    """The pieces that are to be tried next, in order, when the first `done` records are done.

    Args:
        piece: what was invoked.
        done: 0 = the whole of it failed; all = nothing is left.
        settings: of the mapping.
    """
    invocations = piece.invocations + 1
    rest = piece.records[done:]
    if not rest:
        return []
    if done:
        # The checkpoint moved: from the first failed record on it is a batch of its own.
        return [Piece(rest)]
    if settings.bisect and len(rest) > 1:
        middle = len(rest) // 2
        return [Piece(half, piece.failures, invocations) for half in (rest[:middle], rest[middle:])]
    return [Piece(rest, piece.failures + 1, invocations)]


def given_up(piece: Piece, settings: EventSourceSettings, now: float) -> tuple[list[Discard], Piece | None]:
    """What of a piece is given up before it is invoked, and what is left of it.

    Args:
        piece: what is next.
        settings: of the mapping.
        now: seconds since the epoch.
    """
    if settings.max_retries != UNLIMITED and piece.failures > settings.max_retries:
        return [Discard(piece, RETRIES_EXHAUSTED)], None
    if settings.max_record_age_s == UNLIMITED:
        return [], piece
    oldest = now - settings.max_record_age_s
    old = [record for record in piece.records if record.arrival_s < oldest]
    if not old:
        return [], piece
    young = [record for record in piece.records if record.arrival_s >= oldest]
    discard = Discard(piece._replace(records=old), AGE_EXCEEDED)
    return [discard], piece._replace(records=young) if young else None

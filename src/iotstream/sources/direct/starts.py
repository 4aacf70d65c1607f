"""Where reading of a shard begins. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from iotstream import manifest
from iotstream.journal.base import ShardState
from iotstream.position import Position
from iotstream.stream_calls import TRIM_HORIZON, Start


class Plan(NamedTuple):
    """Where a shard begins.

    Attributes:
        start: for the stream.
        read_after: the same for the lake: a position, or TRIM_HORIZON, LATEST, AT_TIMESTAMP.
    """

    start: Start
    read_after: str


def initial_start(initial_position: str) -> Start:
    """What `consumer.initial_position` asks for."""
    if initial_position in {manifest.TRIM_HORIZON, manifest.LATEST}:
        return Start(initial_position)
    moment = datetime.fromisoformat(initial_position)
    return Start(manifest.AT_TIMESTAMP, timestamp=moment.timestamp())


def plan(state: ShardState | None, initial: Start, *, follows: bool) -> Plan:
    """Where to begin, by the journal or, without anything in it, by the settings.

    The children of a shard that was read begin at their first record: LATEST would lose what came
    before they were seen. (A time is the same for parents and children: nothing after it is lost.)

    Args:
        state: what the journal knows of the shard.
        initial: where a shard without a checkpoint begins.
        follows: a parent of the shard has been read.
    """
    if state is not None and state.intent is not None:
        # Recovery comes before reading, and ends with the intended span committed.
        return after(manifest.decode_manifest(state.intent).ends[1])
    if state is not None and state.committed is not None:
        return after(state.committed)
    if follows and initial.kind == manifest.LATEST:
        return Plan(TRIM_HORIZON, manifest.TRIM_HORIZON)
    return Plan(initial, initial.kind)


def after(position: Position) -> Plan:
    """On from a position. The record that holds it comes again: it may be an aggregate cut by a span."""
    return Plan(Start.at(position), str(position))

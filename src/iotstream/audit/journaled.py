"""What the journal knows of a shard, against the lake. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from iotstream.audit.findings import Code, Finding
from iotstream.journal.base import ShardKey, ShardState
from iotstream.manifest import Manifest, decode_manifest
from iotstream.position import Position

STALE_INTENT_MS = 3_600_000
"""A put starts 10 minutes after its intent at the latest; whoever claims the shard next finishes it."""


def intent_of(state: ShardState) -> Manifest | None:
    """The draft of the span that is being written; None: there is none that can be read."""
    try:
        return None if state.intent is None else decode_manifest(state.intent)
    except ValueError:
        return None


def check_intent(key: ShardKey, state: ShardState, now_ms: int) -> Iterator[Finding]:
    """Whether a span is being written, and for how long already."""
    if state.intent is None:
        return
    intent = intent_of(state)
    if intent is None:
        message = "the journal's intent is no manifest's draft that this version knows"
        yield _finding(key, Code.INTENT_STALE, message)
    elif now_ms - intent.intended_ms > STALE_INTENT_MS:
        minutes = (now_ms - intent.intended_ms) // 60_000
        message = f"the span {intent.name} was intended {minutes} minutes ago by {state.owner or 'a worker'}"
        yield _finding(key, Code.INTENT_STALE, f"{message}, and is not committed")
    else:
        yield _finding(key, Code.IN_PROGRESS, f"the span {intent.name} is being written")


def check_committed(key: ShardKey, state: ShardState, end: Position | None) -> Iterator[Finding]:
    """Whether the lake's spans reach as far as the journal says.

    Args:
        key: the shard.
        state: what the journal knows.
        end: up to where the spans reach; None: there is none.
    """
    committed = state.committed
    if committed is not None and (end is None or committed > end):
        message = f"the journal has committed up to {committed}, the manifests end at {end or 'nothing'}"
        yield _finding(key, Code.COMMITTED_WITHOUT_SPAN, message)
    elif end is not None and (committed is None or committed < end):
        message = f"the manifests end at {end}, the journal has committed up to {committed or 'nothing'}"
        yield _finding(key, Code.IN_PROGRESS, message)


def _finding(key: ShardKey, code: Code, message: str) -> Finding:
    return Finding(code, key.stream, key.shard_id, "", message)

"""A shard's item in DynamoDB: to and from `ShardState`. Pure.

    group             S   the hash key: application, stream ARN and stream creation time
    shard             S   the range key: the shard id
    version           N   counts the writes: each is conditional on the one before
    epoch             N
    claim             S   a name of the last claim's own
    committed         S   a position
    complete_until_ms N
    intent            S   JSON; above 16 KB, or when it is no text, B: compressed by zlib
    owner             S
    updated_ms        N

An attribute that is not there is None in `ShardState`.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from iotstream.journal.base import ShardKey, ShardState
from iotstream.position import Position

Attribute = Mapping[str, Any]
Attributes = Mapping[str, Attribute]
"""As the low-level client takes and gives them."""

COMPRESSED_ABOVE_BYTES = 16 * 1024
MAX_ITEM_BYTES = 400 * 1024
"""https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""
MAX_INTENT_BYTES = MAX_ITEM_BYTES - 16 * 1024
"""As it is stored. The rest is for all else in the item, so that it can always be claimed."""


class Item(NamedTuple):
    """What is stored of a shard.

    Attributes:
        version: counts the writes.
        claim: a name of the last claim's own.
        state: the rest.
    """

    version: int
    claim: str
    state: ShardState


def key_attributes(key: ShardKey) -> Attributes:
    """The item's primary key."""
    return {"group": {"S": key.group}, "shard": {"S": key.shard_id}}


def changed_attributes(before: ShardState | None, after: ShardState) -> dict[str, Attribute | None]:
    """The attributes in which the two differ, as they are in the second; None: it is to be removed.

    Raises:
        ValueError: the intent doesn't fit into an item.
    """
    return {
        name: _attribute(value)
        for name, value in after._asdict().items()
        if value != getattr(before, name, None)
    }


def parse(attributes: Attributes) -> Item:
    """The inverse, of all attributes of an item.

    Raises:
        ValueError: it is no item of a journal.
    """
    try:
        committed, until = attributes.get("committed"), attributes.get("complete_until_ms")
        state = ShardState(
            epoch=int(attributes["epoch"]["N"]),
            committed=None if committed is None else Position.parse(committed["S"]),
            complete_until_ms=None if until is None else int(until["N"]),
            intent=_intent(attributes.get("intent")),
            owner=attributes["owner"]["S"],
            updated_ms=int(attributes["updated_ms"]["N"]),
        )
        return Item(int(attributes["version"]["N"]), attributes["claim"]["S"], state)
    except (KeyError, zlib.error) as error:
        raise ValueError(f"{type(error).__name__} {error}") from error


def _attribute(value: Position | bytes | str | int | None) -> Attribute | None:
    if value is None:
        return None
    if isinstance(value, bytes):
        return _intent_attribute(value)
    return {"N" if isinstance(value, int) else "S": str(value)}


def _intent_attribute(intent: bytes) -> Attribute:
    if len(intent) <= COMPRESSED_ABOVE_BYTES:
        try:
            return {"S": intent.decode()}
        except UnicodeDecodeError:
            pass
    stored = zlib.compress(intent)
    if len(stored) > MAX_INTENT_BYTES:
        raise ValueError(
            f"an intent of {len(intent)} bytes takes {len(stored)} in the journal, where {MAX_INTENT_BYTES} "
            f"fit (an item of DynamoDB holds {MAX_ITEM_BYTES}); fewer objects must be named in it"
        )
    return {"B": stored}


def _intent(attribute: Attribute | None) -> bytes | None:
    if attribute is None:
        return None
    if "S" in attribute:
        return str(attribute["S"]).encode()
    return zlib.decompress(attribute["B"])

"""`DynamoJournal`: the journal of production, a DynamoDB table with an item for each shard.

A write is one UpdateItem, conditional on the version that it was made from. So a request that was thought
lost, and reaches the table late, finds another version and changes nothing; and when an answer is lost the
item shows whether the write is done.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/WorkingWithItems.html
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from iotstream.errors import ClaimLost, JournalUnavailable
from iotstream.journal.base import ShardKey, ShardState
from iotstream.journal.dynamodb_item import (
    Attribute,
    Attributes,
    Item,
    changed_attributes,
    key_attributes,
    parse,
)
from iotstream.journal.dynamodb_table import ConditionFailed, Table
from iotstream.journal.stored import Change, StoredJournal, wall_clock_ms
from iotstream.journal.transitions import claimed


class DynamoJournal(StoredJournal):
    """See `Journal`. Threads, processes and machines may share the table.

    Args:
        table: where the items are.
        now_ms: ms since the epoch; for tests.
    """

    def __init__(self, table: Table, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        super().__init__(now_ms)
        self._table = table
        self._seen: dict[ShardKey, Item] = {}
        """What the items were after this journal's last write; another process may have changed them."""

    def claim(self, key: ShardKey, owner: str) -> ShardState:
        """See `Journal`."""
        claim = uuid.uuid4().hex
        item = self._fetch(key)
        while item is None or item.claim != claim:
            before = item.state if item else None
            changes = changed_attributes(before, claimed(before, owner, self._now_ms()))
            # Whatever the worker that holds the shard writes meanwhile leaves the epoch as it is.
            expected = ("epoch", before.epoch) if before else None
            item = self._update(key, expected, {**changes, "claim": {"S": claim}})
        self._seen[key] = item
        return item.state

    def read(self, key: ShardKey) -> ShardState | None:
        """See `Journal`."""
        item = self._fetch(key)
        return item and item.state

    def shards(self, group: str) -> Mapping[str, ShardState]:
        """See `Journal`."""
        found: dict[str, ShardState] = {}
        more: Mapping[str, Any] = {}
        while True:
            page = self._table.call(
                "query",
                KeyConditionExpression="#group = :group",
                ExpressionAttributeNames={"#group": "group"},
                ExpressionAttributeValues={":group": {"S": group}},
                ConsistentRead=True,
                **more,
            )
            for attributes in page["Items"]:
                found[attributes["shard"]["S"]] = self._parse(attributes).state
            if "LastEvaluatedKey" not in page:
                return found
            more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}

    def close(self) -> None:
        """See `Journal`."""
        self._table.client.close()

    def _change(self, key: ShardKey, change: Change) -> ShardState:
        """Write until nothing is left to be changed: that the change is done is read from the item itself."""
        item, fresh = self._seen.get(key), False
        while True:
            if item is None and not fresh:
                item, fresh = self._fetch(key), True
            before = item.state if item else None
            try:
                after = change(before)
            except ClaimLost:
                self._seen.pop(key, None)
                if fresh:
                    raise
                item = None  # by what was seen last: look again
                continue
            if after != before:
                expected = ("version", item.version) if item else None
                item, fresh = self._update(key, expected, changed_attributes(before, after)), True
            elif fresh and item is not None:
                self._seen[key] = item
                return after
            else:
                item = None

    def _update(
        self, key: ShardKey, expected: tuple[str, int] | None, changes: Mapping[str, Attribute | None]
    ) -> Item | None:
        """One UpdateItem.

        Args:
            key: the shard.
            expected: a number among the attributes, and what it still must be; None: there must be no item.
            changes: the new attributes; None: it is removed.

        Returns:
            The item as it is afterwards, changed or not; None: there is none.
        """
        values = {f":{name}": value for name, value in changes.items() if value is not None}
        verbs = {
            "ADD": ["#version :one"],
            "SET": [f"#{name} = :{name}" for name, value in changes.items() if value is not None],
            "REMOVE": [f"#{name}" for name, value in changes.items() if value is None],
        }
        number, condition = "version", "attribute_not_exists(#version)"
        if expected is not None:
            number, condition = expected[0], f"#{expected[0]} = :expected"
            values[":expected"] = {"N": str(expected[1])}
        try:
            answer = self._table.call(
                "update_item",
                Key=key_attributes(key),
                UpdateExpression=" ".join(
                    f"{verb} {', '.join(parts)}" for verb, parts in verbs.items() if parts
                ),
                ConditionExpression=condition,
                ExpressionAttributeNames={f"#{name}": name for name in {*changes, number, "version"}},
                ExpressionAttributeValues={**values, ":one": {"N": "1"}},
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as error:
            return self._parse(error.item) if error.item else None
        return self._parse(answer["Attributes"])

    def _fetch(self, key: ShardKey) -> Item | None:
        answer = self._table.call("get_item", Key=key_attributes(key), ConsistentRead=True)
        return self._parse(answer["Item"]) if "Item" in answer else None

    def _parse(self, attributes: Attributes) -> Item:
        try:
            return parse(attributes)
        except ValueError as error:
            name = {part: attributes.get(part, {}).get("S") for part in ("group", "shard")}
            raise JournalUnavailable(
                f"journal dynamodb://{self._table.name}: the item {name} is none of a journal: {error}"
            ) from error

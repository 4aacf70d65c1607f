"""Whose a lake's prefix is, and the schemas that its spans were written with.

One prefix belongs to one application, and to one kind of consumer: two that wrote into the same prefix
would double every row. `owner.json` says whose it is; `schemas/<fingerprint>.toml` are the schema files.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from iotstream.errors import ConfigurationError, SchemaError
from iotstream.schema import Schema
from iotstream.sinks.objects import Object, Store

OWNER_KEY = "owner.json"
CONSUMERS = {
    "lambda": "the Lambda handler",
    "consumer": "`iotstream consume`",
}
"""What reads the stream, and its name for people."""


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """`owner.json`.

    Attributes:
        application: see `ShardKey`.
        consumer: a key of `CONSUMERS`.
        since: when the prefix was claimed; ISO 8601, UTC.
    """

    application: str
    consumer: str
    since: str


def claim_prefix(store: Store, *, application: str, consumer: str) -> None:
    """Make sure that the prefix is this application's; the first who asks gets it.

    Args:
        store: of the lake.
        application: whose lake it shall be.
        consumer: "lambda" or "consumer".

    Raises:
        ConfigurationError: it belongs to another, or `owner.json` is none.
        SinkUnavailable: the store stayed down.
    """
    if consumer not in CONSUMERS:
        raise ValueError(f"consumer = {consumer!r}: {' or '.join(CONSUMERS)} is expected")
    since = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    ours = Owner(application=application, consumer=consumer, since=since)
    owner = _read_owner(store)
    while owner is None:
        # Not there, or removed just now: whoever puts it first has it.
        store.put_new([Object(OWNER_KEY, msgspec.json.encode(ours) + b"\n")])
        owner = _read_owner(store)
    if (owner.application, owner.consumer) != (application, consumer):
        who = CONSUMERS.get(owner.consumer, owner.consumer)
        raise ConfigurationError(
            f"the lake {store.uri} belongs to {owner.application!r} and {who} since {owner.since}; "
            f"application {application!r} and {CONSUMERS[consumer]} would double its rows. Set lake.uri to "
            f"another prefix; or, when the other is stopped for good, remove {OWNER_KEY} there"
        )


def keep_schema(store: Store, schema: Schema) -> None:
    """Put the schema file into the lake, under its fingerprint, if it is not there.

    Raises:
        SinkUnavailable: the store stayed down.
        ValueError: the schema was not read from a file's text.
    """
    if not schema.text:
        raise ValueError(
            f"schema {schema.name!r} has no text: only what Schema.load or parse made can be kept"
        )
    store.put_new([Object(_schema_key(schema.fingerprint), schema.text.encode())])


def load_schema(store: Store, fingerprint: str) -> Schema:
    """The schema that `keep_schema` put there.

    Raises:
        SchemaError: it is not there, or is another.
        SinkUnavailable: the store stayed down.
    """
    key = _schema_key(fingerprint)
    name = f"{store.uri.rstrip('/')}/{key}"
    body = store.get(key)
    if body is None:
        raise SchemaError(f"{name} is not there: spans were written with that schema; put the file back")
    try:
        schema = Schema.parse(body.decode())
    except (SchemaError, UnicodeDecodeError) as error:
        raise SchemaError(f"{name}: {error}") from error
    if schema.fingerprint != fingerprint:
        raise SchemaError(
            f"{name} has the fingerprint {schema.fingerprint}: it was changed, or written by another version "
            "of iotstream; put the file back, or use that version"
        )
    return schema


def _schema_key(fingerprint: str) -> str:
    return f"schemas/{fingerprint}.toml"


def _read_owner(store: Store) -> Owner | None:
    body = store.get(OWNER_KEY)
    if body is None:
        return None
    try:
        return msgspec.json.decode(body, type=Owner)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(
            f"{store.uri.rstrip('/')}/{OWNER_KEY} is no owner's note: {error}"
        ) from error

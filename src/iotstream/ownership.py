"""Whose a lake's prefix is, and the schemas that its rows were decoded with."""

from __future__ import annotations

import datetime as dt

import msgspec
import orjson

from iotstream.errors import ConfigurationError
from iotstream.schema import Schema
from iotstream.sinks.objects import Object, Store

OWNER_KEY = "owner.json"


class _Owner(msgspec.Struct, frozen=True):
    application: str
    consumer: str
    since: str = ""


def claim_prefix(store: Store, *, application: str, consumer: str) -> None:
    """Make sure that the prefix belongs to this application: two writers would double its rows.

    Args:
        store: under the lake's prefix.
        application: the application's name; of a run, the run's.
        consumer: what reads the stream: "lambda" or "consumer".

    Raises:
        ConfigurationError: it belongs to another.
        SinkUnavailable: the store stayed down.
    """
    since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    mine = {"application": application, "consumer": consumer, "since": since}
    if not store.put_new([Object(OWNER_KEY, orjson.dumps(mine, option=orjson.OPT_APPEND_NEWLINE))]):
        return
    where = f"{store.uri.rstrip('/')}/{OWNER_KEY}"
    try:
        owner = msgspec.json.decode(store.get(OWNER_KEY) or b"", type=_Owner)
    except msgspec.MsgspecError as error:
        raise ConfigurationError(f"{where} does not say whose the lake is: {error}") from error
    if (owner.application, owner.consumer) != (application, consumer):
        raise ConfigurationError(
            f"the lake {store.uri} belongs to the {owner.consumer} of application {owner.application!r} "
            f"since {owner.since}; this is the {consumer} of application {application!r}. Two writers would "
            "double its rows: set lake.uri to another prefix, or, when the other has stopped for good, "
            f"remove {where}"
        )


def keep_schema(store: Store, schema: Schema) -> None:
    """Put the schema's file into the lake, where recovery, audit and analysts find it.

    Raises:
        SinkUnavailable: the store stayed down.
    """
    store.put_new([Object(_schema_key(schema.fingerprint), schema.text.encode())])


def load_schema(store: Store, fingerprint: str) -> Schema:
    """The schema of that fingerprint.

    Raises:
        ConfigurationError: the lake doesn't hold it, or it holds something else in its place.
        SinkUnavailable: the store stayed down.
    """
    key = _schema_key(fingerprint)
    body = store.get(key)
    if body is None:
        raise ConfigurationError(
            f"{store.uri.rstrip('/')}/{key} is not there: put the schema file back that it was made from"
        )
    schema = Schema.parse(body.decode())
    if schema.fingerprint != fingerprint:
        raise ConfigurationError(
            f"{store.uri.rstrip('/')}/{key} holds a schema with the fingerprint {schema.fingerprint}: put "
            "the file back that it was made from"
        )
    return schema


def _schema_key(fingerprint: str) -> str:
    return f"schemas/{fingerprint}.toml"

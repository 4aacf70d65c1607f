"""The two forms of a body: AWS JSON 1.1 (data in base64) and AWS CBOR 1.1 (data as bytes).

AWS's CBOR gives times as tag 1 over epoch *milliseconds*, its JSON as epoch seconds (the SDK for Java v2,
AwsCborProtocolFactory, `UNIX_TIMESTAMP_MILLIS`).
"""

from __future__ import annotations

from typing import Any, Final, Protocol

import cbor2
import msgspec

from iotstream.local.kinesis.errors import KinesisError
from iotstream.local.kinesis.validate import parse, parse_json

_EPOCH_TAG: Final = 1
_TIMES: Final = frozenset(
    ("ApproximateArrivalTimestamp", "StreamCreationTimestamp", "ConsumerCreationTimestamp")
)


class Codec(Protocol):
    """One form of a body."""

    content_type: str

    def parse(self, operation: str, body: bytes) -> msgspec.Struct:
        """The request of an operation, or a KinesisError that says what is wrong with it."""

    def encode(self, answer: Any) -> bytes:
        """An answer's bytes."""


class JsonCodec:
    """AWS JSON 1.1."""

    content_type = "application/x-amz-json-1.1"

    def parse(self, operation: str, body: bytes) -> msgspec.Struct:
        """The request from JSON."""
        return parse_json(operation, body)

    def encode(self, answer: Any) -> bytes:
        """An answer as JSON."""
        return msgspec.json.encode(answer)


class CborCodec:
    """AWS CBOR 1.1."""

    content_type = "application/x-amz-cbor-1.1"

    def parse(self, operation: str, body: bytes) -> msgspec.Struct:
        """The request from CBOR."""
        try:
            values = cbor2.loads(body, semantic_decoders={_EPOCH_TAG: _decode_time}) if body else {}
        except (cbor2.CBORDecodeError, ValueError, TypeError) as error:
            raise KinesisError("SerializationException", str(error)) from None
        if not isinstance(values, dict):
            raise KinesisError("SerializationException", "The body is not a map.")
        return parse(operation, {name: value for name, value in values.items() if value is not None})

    def encode(self, answer: Any) -> bytes:
        """An answer as CBOR."""
        return cbor2.dumps(_tag_times(msgspec.to_builtins(answer, builtin_types=(bytes,))))


JSON: Final = JsonCodec()
CBOR: Final = CborCodec()


def codec_for(content_type: str) -> Codec:
    """The codec for a request's Content-Type."""
    return CBOR if content_type.startswith("application/x-amz-cbor") else JSON


def _decode_time(value: Any, *_: Any) -> float:
    return float(value) / 1000


def _tag_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: cbor2.CBORTag(_EPOCH_TAG, round(inner * 1000)) if name in _TIMES else _tag_times(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_tag_times(inner) for inner in value]
    return value

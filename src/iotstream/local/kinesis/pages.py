"""Tokens with which a long listing is continued."""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from iotstream.local.kinesis import limits
from iotstream.local.kinesis.errors import KinesisError, invalid


class _Token(msgspec.Struct, array_like=True):
    operation: str
    place: list[str]
    issued_at: float


_INVALID: Final = "Invalid NextToken: it is not one that this operation returned."


def encode_token(operation: str, place: list[str], now: float) -> str:
    """A token that says where an operation's listing goes on."""
    return base64.b64encode(msgspec.json.encode(_Token(operation, place, now))).decode()


def decode_token(operation: str, token: str, now: float) -> list[str]:
    """The place where a listing goes on.

    Raises:
        KinesisError: InvalidArgumentException, not a token of that operation; ExpiredNextTokenException, it
            is older than 5 minutes.
    """
    try:
        decoded = msgspec.json.decode(base64.b64decode(token, validate=True), type=_Token)
    except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(_INVALID) from None
    if decoded.operation != operation:
        raise invalid(_INVALID)
    if now - decoded.issued_at > limits.NEXT_TOKEN_LIFETIME_S:
        raise KinesisError(
            "ExpiredNextTokenException",
            f"NextToken has expired: it is valid for {limits.NEXT_TOKEN_LIFETIME_S} seconds.",
        )
    return decoded.place

"""Which operations there are: each a request type and a function of account, request and time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, get_type_hints

import msgspec

from iotstream.local.kinesis.account import Account

Request = TypeVar("Request", bound=msgspec.Struct)
Handler = Callable[[Account, Request, float], Any]

_OPERATIONS: dict[str, tuple[type[msgspec.Struct], Handler[Any]]] = {}


def operation(handler: Handler[Request]) -> Handler[Request]:
    """Register a function as the operation after which its request type is named."""
    request_type = get_type_hints(handler)["request"]
    _OPERATIONS[request_type.__name__] = (request_type, handler)
    return handler


def operations() -> Mapping[str, tuple[type[msgspec.Struct], Handler[Any]]]:
    """All registered operations by name."""
    return _OPERATIONS

"""The compiled kernel, where it is installed: the distribution `iotstream-native`.

Everything works without it, by pure Python, several times slower. `IOTSTREAM_KERNEL=off` leaves it unused,
and one of another version is not used either.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pyarrow as pa

if TYPE_CHECKING:
    from iotstream_native import Column

SWITCH = "IOTSTREAM_KERNEL"
VERSION = "0.1.0"
"""Whose functions this package calls."""

try:
    import iotstream_native
except ImportError:
    native = None
else:
    fits = iotstream_native.__version__ == VERSION and os.environ.get(SWITCH) != "off"
    native = iotstream_native if fits else None

_KINDS = {
    pa.bool_(): "bool",
    pa.int32(): "int32",
    pa.float32(): "float32",
    pa.float64(): "float64",
    pa.string(): "string",
}
"""What the kernel calls columns; others are of 64 bits, and int64 to it."""


def memory_of(column: pa.Array) -> Column:
    """A column as the kernel reads it, without a copy."""
    validity, values, *texts = column.buffers()
    kind = _KINDS.get(column.type, "int64")
    return kind, values, validity if column.null_count else None, texts[0] if texts else None, column.offset

"""The compiled kernel, where it is installed: the distribution `iotstream-native`.

Everything works without it, by pure Python, several times slower. `IOTSTREAM_KERNEL=off` leaves it unused,
and one of another version is not used either.
"""

from __future__ import annotations

import os

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

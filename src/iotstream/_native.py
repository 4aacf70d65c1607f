"""The compiled kernel, where it is installed: the distribution `iotstream-native`.

Everything works without it, by pure Python, several times slower. `IOTSTREAM_KERNEL=off` leaves it unused.
"""

from __future__ import annotations

import os

SWITCH = "IOTSTREAM_KERNEL"

try:
    import iotstream_native
except ImportError:
    native = None
else:
    native = None if os.environ.get(SWITCH) == "off" else iotstream_native

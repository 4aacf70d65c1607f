"""The compiled kernel in tests: used and left unused."""

import contextlib
import os
from unittest import mock

import pytest

from iotstream._native import native

MISSING = "the compiled kernel is not built (scripts/build-kernel)"


def is_there():
    """In CI it always is: what needs it fails there rather than be skipped."""
    return native is not None or bool(os.environ.get("CI"))


@contextlib.contextmanager
def used(way, *modules):
    """What these modules do by the kernel, "kernel", or in pure Python, "python"."""
    if way == "kernel" and not is_there():
        pytest.skip(MISSING)
    with contextlib.ExitStack() as stack:
        for module in modules:
            stack.enter_context(mock.patch.object(module, "native", native if way == "kernel" else None))
        yield

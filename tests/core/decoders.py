"""The decoders that are to give the same answers, and `decode` made to use a certain one of them."""

import contextlib
import os
import sys
from functools import lru_cache
from unittest import mock

import pytest

from iotstream._kernel_decoder import KernelDecoder
from iotstream._native import native
from iotstream._python_decoder import PythonDecoder

KINDS = {"python": lru_cache(PythonDecoder), "kernel": lru_cache(KernelDecoder)}


def available():
    """Their names."""
    return [name for name in KINDS if name != "kernel" or native is not None or os.environ.get("CI")]


@contextlib.contextmanager
def chosen(name):
    """`iotstream.decode` by that one."""
    if name not in available():
        pytest.skip("the compiled kernel is not built (scripts/build-kernel)")
    # The package's attribute of that name is the function.
    with mock.patch.object(sys.modules["iotstream.decode"], "_decoder", KINDS[name]):
        yield

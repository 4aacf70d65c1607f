"""The decoders that are to give the same answers, and `decode` made to use a certain one of them."""

import contextlib
import sys
from functools import lru_cache
from unittest import mock

import pytest

import native_ways
from iotstream._kernel_decoder import KernelDecoder
from iotstream._python_decoder import PythonDecoder

KINDS = {"python": lru_cache(PythonDecoder), "kernel": lru_cache(KernelDecoder)}


def available():
    """Their names."""
    return [name for name in KINDS if name != "kernel" or native_ways.is_there()]


@contextlib.contextmanager
def chosen(name):
    """`iotstream.decode` by that one."""
    if name not in available():
        pytest.skip(native_ways.MISSING)
    # The package's attribute of that name is the function.
    with mock.patch.object(sys.modules["iotstream.decode"], "_decoder", KINDS[name]):
        yield

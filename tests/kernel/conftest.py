import sys
from pathlib import Path

import pytest

import native_ways
from iotstream._native import native

# The payloads of the decoders' tests.
sys.path.append(str(Path(__file__).parents[1] / "core"))


@pytest.fixture(scope="session")
def kernel():
    """The compiled kernel; in CI a test that needs it fails without it, elsewhere it is skipped."""
    if not native_ways.is_there():
        pytest.skip(native_ways.MISSING)
    assert native is not None, native_ways.MISSING
    return native

import pytest

import native_ways
from iotstream._native import native


@pytest.fixture(scope="session")
def kernel():
    """The compiled kernel; in CI a test that needs it fails without it, elsewhere it is skipped."""
    if not native_ways.is_there():
        pytest.skip(native_ways.MISSING)
    assert native is not None, native_ways.MISSING
    return native

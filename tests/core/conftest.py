import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import decoders


@pytest.fixture(params=["python", "kernel"])
def decoder(request):
    """Decode by either decoder, one after the other."""
    with decoders.chosen(request.param):
        yield request.param

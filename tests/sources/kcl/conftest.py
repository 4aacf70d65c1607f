from __future__ import annotations

import pytest
from harness import Consumer, Stack


@pytest.fixture(scope="session")
def stack():
    stack = Stack()
    yield stack
    stack.close()


@pytest.fixture
def consume(stack, tmp_path):
    """Starts consumers whose state is in `tmp_path`."""
    started = []

    def start(stream, **more):
        started.append(Consumer(stack, more.pop("directory", tmp_path), stream, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()

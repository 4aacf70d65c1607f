from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "sources" / "kcl"))

from containers import Container
from harness import Stack
from jail import need_namespaces
from stages import PROJECT, Builder


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """The image, built in an empty directory."""
    need_namespaces()
    return Builder(PROJECT, tmp_path_factory.mktemp("stages")).build()


@pytest.fixture(scope="session")
def stack():
    stack = Stack()
    yield stack
    stack.close()


@pytest.fixture
def start():
    """Starts containers; ends them all."""
    started = []

    def start(*arguments, **more):
        started.append(Container(*arguments, **more))
        return started[-1]

    yield start
    for one in started:
        one.close()

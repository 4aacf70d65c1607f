from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from direct_world import World

from kinesis_stand import Stand


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    worlds: list[World] = []

    def make(*, shards: int = 1, limits: bool = False) -> World:
        directory = tmp_path / str(len(worlds))
        directory.mkdir()
        worlds.append(World(directory, Stand(shards=shards, limits=limits)))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
        world.stand.close()

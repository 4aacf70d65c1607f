from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config

from iotstream.local.kinesis import Kinesis, Server, Settings

START = 1_700_000_000.0


class Clock:
    """A clock that stands still unless it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Running:
    """A server in a thread of this process, so that a test can reach the state machine behind it."""

    def __init__(self, kinesis: Kinesis) -> None:
        self.kinesis = kinesis
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(10)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = Server(self.kinesis)
        self.port = await server.start()
        self._ready.set()
        await self._stop.wait()
        await server.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kinesis(clock: Clock) -> Kinesis:
    """Two shards named `s`, with limits, on the clock that stands still."""
    kinesis = Kinesis(clock)
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    return kinesis


@pytest.fixture
def serve() -> Iterator[Callable[[Kinesis], Running]]:
    running: list[Running] = []

    def start(kinesis: Kinesis) -> Running:
        running.append(Running(kinesis))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def running(serve: Callable[[Kinesis], Running]) -> Running:
    """A server on real time, without limits, with a stream `s` of two shards."""
    kinesis = Kinesis(settings=Settings(limits=False))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 2})
    return serve(kinesis)


@pytest.fixture
def connect() -> Iterator[Callable[[Running], Any]]:
    """Makes boto3 clients without retries."""
    clients: list[Any] = []

    def client(running: Running) -> Any:
        made = boto3.client(
            "kinesis",
            endpoint_url=running.endpoint,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(retries={"total_max_attempts": 1}, read_timeout=20),
        )
        clients.append(made)
        return made

    yield client
    for made in clients:
        made.close()


@pytest.fixture
def client(running: Running, connect: Callable[[Running], Any]) -> Any:
    return connect(running)

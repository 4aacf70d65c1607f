"""Publishing to a real broker: everything acknowledged, through restarts; and what is said when it isn't."""

from __future__ import annotations

import asyncio
import datetime as dt
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import aiomqtt
import pytest

from iotstream.errors import ConfigurationError
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess
from iotstream.retry import Backoff
from iotstream.simulate import Connection, Fleet, Message, device_names, publish, readings

DEVICES = device_names(4)


def start_broker(directory: Path, port: int = 0) -> ServiceProcess:
    arguments = ["--directory", str(directory), "--backend", "embedded", "--port", str(port)]
    return ServiceProcess("iotstream.local.broker", arguments)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("publish") / "pki")


@pytest.fixture(scope="module")
def broker(pki: Pki) -> Iterator[ServiceProcess]:
    process = start_broker(pki.directory)
    try:
        yield process
    finally:
        assert process.stop() == 0


def connection(broker: ServiceProcess, pki: Pki, **changes) -> Connection:
    credentials = pki.clients([*DEVICES, "test-client"])
    settings = {"host": "127.0.0.1", "port": broker.port, "credentials": credentials, **changes}
    return Connection(**settings)


def messages(count: int, **changes) -> list[Message]:
    start = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    fleet = Fleet(devices=DEVICES, start=start, messages=count, rate=10, **changes)
    return list(readings(fleet))


class Subscriber:
    """The rule engine's place: everything that arrives, until `close`."""

    def __init__(self, broker: ServiceProcess, pki: Pki) -> None:
        as_rules = Connection(
            host="127.0.0.1", port=broker.port, credentials={"r": pki.client("rule-engine")}
        )
        self._client = aiomqtt.Client(
            "127.0.0.1", broker.port, identifier="rule-engine", tls_context=as_rules.context("r")
        )
        self.payloads: dict[str, list[bytes]] = defaultdict(list)

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        await self._client.subscribe("#", qos=1)
        self._task = asyncio.create_task(self._collect())
        return self

    async def __aexit__(self, *error) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        await self._client.__aexit__(None, None, None)

    async def _collect(self) -> None:
        async for message in self._client.messages:
            self.payloads[str(message.topic)].append(bytes(message.payload))

    async def until(self, count: int) -> None:
        while sum(map(len, self.payloads.values())) < count:  # noqa: ASYNC110 - pytest-timeout bounds it
            await asyncio.sleep(0.01)


def test_every_message_arrives_once_in_its_devices_order(broker: ServiceProcess, pki: Pki) -> None:
    sent = messages(400, bad_share=0.2, packed_share=0.1)
    seen, progress = [], []

    async def run():
        async with Subscriber(broker, pki) as subscriber:
            result = await publish(
                sent,
                connection(broker, pki),
                paced=False,
                on_acknowledged=seen.append,
                on_progress=progress.append,
            )
            await subscriber.until(len(sent))
            return result, subscriber.payloads

    result, payloads = asyncio.run(run())
    assert result.complete
    assert result.published == result.acknowledged == 400
    assert Counter(seen) == Counter(sent)
    for device in DEVICES:
        assert payloads[f"topic/mqtt/{device}"] == [m.payload for m in sent if m.device == device]
    assert (progress[-1].published, progress[-1].acknowledged) == (400, 400)


def test_the_test_client_publishes_on_the_bare_topic(broker: ServiceProcess, pki: Pki) -> None:
    async def run():
        async with Subscriber(broker, pki) as subscriber:
            one = messages(1)[0]._replace(device="test-client")
            settings = connection(broker, pki, topics={"test-client": "topic/mqtt"})
            assert (await publish([one], settings, paced=False)).complete
            await subscriber.until(1)
            return one, subscriber.payloads

    one, payloads = asyncio.run(run())
    assert payloads == {"topic/mqtt": [one.payload]}


def test_messages_wait_until_they_are_due(broker: ServiceProcess, pki: Pki) -> None:
    due = [message._replace(due=number * 0.05) for number, message in enumerate(messages(11))]

    async def run() -> float:
        before = asyncio.get_running_loop().time()
        assert (await publish(due, connection(broker, pki))).complete
        return asyncio.get_running_loop().time() - before

    assert asyncio.run(run()) >= 0.5


def test_a_broker_that_dies_and_comes_back_costs_nothing(pki: Pki) -> None:
    first = start_broker(pki.directory)
    settings = connection(first, pki, backoff=Backoff(base_s=0.05, cap_s=0.2, deadline_s=30))
    sent = messages(3_000)
    acknowledged = asyncio.Event()
    brokers = [first]

    async def restart() -> None:
        await acknowledged.wait()
        first._process.kill()
        first.stop()
        brokers.append(await asyncio.to_thread(start_broker, pki.directory, settings.port))

    async def run():
        seen: list[Message] = []

        def note(message: Message) -> None:
            seen.append(message)
            if len(seen) == 200:
                acknowledged.set()

        restarting = asyncio.create_task(restart())
        result = await publish(sent, settings, paced=False, on_acknowledged=note)
        await restarting
        return result, seen

    try:
        result, seen = asyncio.run(run())
    finally:
        for process in brokers:
            process.stop()
    assert result.complete, result
    assert Counter(seen) == Counter(sent)


def test_a_broker_that_stays_away_is_reported(pki: Pki) -> None:
    gone = start_broker(pki.directory)
    settings = connection(gone, pki, backoff=Backoff(base_s=0.01, cap_s=0.02, deadline_s=0.2))
    gone.stop()
    result = asyncio.run(publish(messages(50), settings, paced=False))
    assert not result.complete
    assert (result.published + result.unsent, result.acknowledged) == (50, 0)
    assert all("refused" in (device.error or "") for device in result.devices.values())


def test_an_endless_run_ends_when_every_device_has_given_up(pki: Pki) -> None:
    gone = start_broker(pki.directory)
    credentials = {name: pki.client(name) for name in DEVICES}
    backoff = Backoff(base_s=0.01, cap_s=0.02, deadline_s=0.2)
    settings = connection(gone, pki, credentials=credentials, backoff=backoff)
    gone.stop()
    endless = readings(Fleet(devices=DEVICES, start=dt.datetime(2026, 3, 1, tzinfo=dt.UTC), rate=20))
    result = asyncio.run(publish(endless, settings))
    assert set(result.devices) == set(DEVICES)
    assert all(device.error for device in result.devices.values())
    assert not result.complete


def test_a_stop_finishes_what_is_in_flight_and_sends_no_more(broker: ServiceProcess, pki: Pki) -> None:
    endless = (message for number in itertools.count() for message in messages(100, seed=number))

    async def run():
        stop, seen = asyncio.Event(), []

        def note(message: Message) -> None:
            seen.append(message)
            if len(seen) == 150:
                stop.set()

        return await publish(
            endless, connection(broker, pki), paced=False, on_acknowledged=note, stop=stop
        ), seen

    result, seen = asyncio.run(run())
    assert result.published == result.acknowledged == len(seen) >= 150
    assert all(not device.unacknowledged for device in result.devices.values())
    assert not result.complete


def test_a_certificate_that_the_broker_does_not_know_is_reported(
    broker: ServiceProcess, pki: Pki, tmp_path: Path
) -> None:
    stranger = Pki(tmp_path / "other").client("device-0001")

    class Mixed:
        ca, certificate, key = pki.ca, stranger.certificate, stranger.key

    credentials = {**pki.clients(DEVICES), "device-0001": Mixed()}
    backoff = Backoff(base_s=0.01, cap_s=0.02, deadline_s=0.02)
    settings = connection(broker, pki, credentials=credentials, backoff=backoff, connect_timeout_s=0.5)
    sent = messages(40)
    result = asyncio.run(publish(sent, settings, paced=False))
    assert "refuses the certificate" in (result.devices["device-0001"].error or "")
    assert result.devices["device-0001"].acknowledged == 0
    assert result.acknowledged == sum(message.device != "device-0001" for message in sent)


def test_a_client_id_that_is_not_allowed_is_not_tried_twice(broker: ServiceProcess, pki: Pki) -> None:
    credentials = {"device-0001": pki.client("device-0002")}
    settings = connection(broker, pki, credentials=credentials, backoff=Backoff(deadline_s=3600))
    only = [message for message in messages(20) if message.device == "device-0001"]
    result = asyncio.run(publish(only, settings, paced=False))
    assert "Not authorized" in (result.devices["device-0001"].error or "")
    assert result.acknowledged == 0


def test_what_cannot_work_is_refused_by_name(broker: ServiceProcess, pki: Pki, tmp_path: Path) -> None:
    large = messages(1)[0]._replace(payload=b"x" * (128 * 1024 + 1))
    with pytest.raises(ConfigurationError, match="at most 131072"):
        asyncio.run(publish([large], connection(broker, pki), paced=False))
    with pytest.raises(ConfigurationError, match="no certificate"):
        asyncio.run(publish(messages(1), connection(broker, pki, credentials={}), paced=False))

    class Absent:
        ca, certificate, key = pki.ca, tmp_path / "none.pem", tmp_path / "none.key"

    settings = connection(broker, pki, credentials=dict.fromkeys(DEVICES, Absent()))
    with pytest.raises(ConfigurationError, match=r"none\.pem"):
        asyncio.run(publish(messages(1), settings, paced=False))

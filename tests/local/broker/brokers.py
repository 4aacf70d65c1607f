"""Brokers as programs of their own, one fixture for both backends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

import needs
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess


@dataclass(frozen=True, kw_only=True)
class Broker:
    backend: str
    port: int
    pki: Pki
    process: ServiceProcess


@pytest.fixture(scope="module", params=["embedded", "mosquitto"])
def broker(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    if request.param == "mosquitto":
        needs.mosquitto()
    pki = Pki(tmp_path_factory.mktemp("broker") / "pki")
    process = ServiceProcess(
        "iotstream.local.broker", ["--directory", str(pki.directory), "--backend", request.param]
    )
    try:
        yield Broker(backend=request.param, port=process.port, pki=pki, process=process)
    finally:
        assert process.stop() == 0, process.last_log_lines()

"""Simulated devices: what they send (pure), and how they send it (MQTT, X.509).

fleet = Fleet(devices=device_names(10), rate=2, start=datetime.now(UTC), duration_s=60)
connection = Connection(host="127.0.0.1", port=port, credentials=Pki(path).clients(fleet.devices))
result = asyncio.run(publish(readings(fleet), connection))
"""

from iotstream.simulate.connection import CertificateFiles, Connection
from iotstream.simulate.message import ROW, UNKNOWN, Expectation, Message
from iotstream.simulate.publisher import DeviceResult, PublishProgress, PublishResult, publish
from iotstream.simulate.readings import Fleet, device_names, readings
from iotstream.simulate.recorded import recorded

__all__ = [
    "ROW",
    "UNKNOWN",
    "CertificateFiles",
    "Connection",
    "DeviceResult",
    "Expectation",
    "Fleet",
    "Message",
    "PublishProgress",
    "PublishResult",
    "device_names",
    "publish",
    "readings",
    "recorded",
]

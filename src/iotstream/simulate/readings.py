"""`readings`: what a fleet of devices sends, as a pure function of a seed."""

from __future__ import annotations

import datetime as dt
import gzip
import heapq
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from iotstream.errors import ConfigurationError
from iotstream.simulate.faulty import KINDS, Item, text
from iotstream.simulate.message import ROW, Expectation, Message
from iotstream.simulate.sensor import Fault, Sensor, site

PACKED_ITEMS = 10
_FAULTS = (Fault.STUCK, Fault.SPIKES, Fault.FLAT)


def _lines(items: Sequence[Item]) -> bytes:
    return b"\n".join(map(text, items)) + b"\n"


FORMS: Mapping[str, Callable[[Sequence[Item]], bytes]] = MappingProxyType(
    {
        "array": text,
        "ndjson": _lines,
        "gzip_array": lambda items: gzip.compress(text(items), mtime=0),
        "gzip_ndjson": lambda items: gzip.compress(_lines(items), mtime=0),
    }
)
"""How a device packs several items into one message."""


def device_names(count: int) -> list[str]:
    """`device-0001` and so on."""
    return [f"device-{number:04}" for number in range(1, count + 1)]


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """What to simulate. The same settings give the same messages, byte for byte.

    Attributes:
        devices: the names of the devices.
        rate: messages a second from each device.
        start: the time of the run's start; items bear the time at which their message is due.
        seed: for everything that is random.
        duration_s: the run's length in seconds; None = no end.
        messages: how many messages in all; None = no bound.
        bad_share: the share of messages that are malformed, 0 to 1.
        packed_share: the share of messages that pack ten items, 0 to 1; in these, the same share of
            items as of messages (`bad_share`) is malformed.
        faulty_share: the share of devices whose sensor fails (with valid but implausible readings).
    """

    devices: Sequence[str]
    rate: float = 1.0
    start: dt.datetime
    seed: int = 0
    duration_s: float | None = None
    messages: int | None = None
    bad_share: float = 0.02
    packed_share: float = 0.03
    faulty_share: float = 0.05

    def __post_init__(self) -> None:
        for name in ("bad_share", "packed_share", "faulty_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigurationError(f"{name} = {getattr(self, name)!r}: a share lies between 0 and 1")
        if not self.rate > 0:
            raise ConfigurationError(f"rate = {self.rate!r}: it is in messages a second, above 0")
        if not self.devices or len(set(self.devices)) != len(self.devices):
            raise ConfigurationError(f"devices: {len(self.devices)} names given; at least one, each once")
        if self.start.tzinfo is None:
            raise ConfigurationError(f"start = {self.start}: it needs a time zone, such as datetime.UTC")


def readings(fleet: Fleet) -> Iterator[Message]:
    """The messages of a fleet in the order in which they are due.

    Yields:
        Messages; the items' numbers `n` run from 0 without a gap, in the order of the messages.
    """
    devices = [_Device(fleet, name, index) for index, name in enumerate(fleet.devices)]
    queue = [(device.phase / fleet.rate, index) for index, device in enumerate(devices)]
    heapq.heapify(queue)
    sent = n = 0
    while fleet.messages is None or sent < fleet.messages:
        due, index = queue[0]
        if fleet.duration_s is not None and due >= fleet.duration_s:
            return
        message = devices[index].message(due, n)
        yield message
        sent, n = sent + 1, n + len(message.expected)
        # From the count, not from the sum: a sum of floats would creep.
        due = (devices[index].sent + devices[index].phase) / fleet.rate
        heapq.heapreplace(queue, (due, index))


class _Device:
    """One device: its sensor, and what it makes of a reading."""

    def __init__(self, fleet: Fleet, name: str, index: int) -> None:
        self._fleet, self._name = fleet, name
        self._source = random.Random(f"{fleet.seed}/{name}")  # noqa: S311 - a simulation, not a secret
        faulty = self._source.random() < fleet.faulty_share
        fault = _FAULTS[index % len(_FAULTS)] if faulty else Fault.NONE
        self._sensor = Sensor(site(self._source, fault), self._source)
        self.fault = fault
        self.phase = self._source.random()
        self.sent = 0

    def message(self, due: float, n: int) -> Message:
        self.sent += 1
        if self._source.random() < self._fleet.packed_share:
            return self._packed(due, n)
        item = self._item(due, n)
        if self._source.random() < self._fleet.bad_share:
            kind = self._source.choice(list(KINDS))
            reason, spoil = KINDS[kind]
            return Message(self._name, due, spoil(item), (Expectation(n, reason, kind),))
        return Message(self._name, due, text(item), (Expectation(n, ROW, self.fault),))

    def _packed(self, due: float, n: int) -> Message:
        form = self._source.choice(list(FORMS))
        items, expected = [], []
        for index in range(PACKED_ITEMS):
            # A device that packs has collected the items over the time since its last message.
            age = (PACKED_ITEMS - 1 - index) / PACKED_ITEMS / self._fleet.rate
            item, expectation = self._item(due - age, n + index), Expectation(n + index, ROW, form)
            if self._source.random() < self._fleet.bad_share:
                # One bad item does not take its neighbours along.
                kind = self._source.choice(_KINDS_IN_PACKS)
                item, expectation = _spoilt_item(item, kind), Expectation(n + index, KINDS[kind][0], kind)
            items.append(item)
            expected.append(expectation)
        return Message(self._name, due, FORMS[form](items), tuple(expected))

    def _item(self, age_s: float, n: int) -> Item:
        time = self._fleet.start + dt.timedelta(milliseconds=round(age_s * 1000))
        reading = self._sensor.read(time.astimezone(dt.UTC), age_s)
        stamp = time.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return {
            "n": n,
            "deviceId": self._name,
            "temperature": reading.temperature,
            "humidity": reading.humidity,
            "timestamp": stamp,
        }


# The kinds that are still JSON objects, so that the rest of the pack can be read.
_KINDS_IN_PACKS = (
    "missing_humidity",
    "null_temperature",
    "words_for_a_number",
    "boolean_for_a_number",
    "number_as_device_id",
    "nan_in_a_string",
    "device_id_too_long",
    "month_13",
    "year_9999",
)


def _spoilt_item(item: Item, kind: str) -> Item:
    spoilt: Item = json.loads(KINDS[kind][1](item))
    return spoilt

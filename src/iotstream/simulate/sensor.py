"""A device's climate: a daily cycle by its place, slow drift, noise, and the faults of real sensors."""

from __future__ import annotations

import datetime as dt
import math
import random
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

_DAY_S = 86_400.0
_COLDEST_HOUR = 4.0
# The share of readings in which a sensor with spikes shows one.
_SPIKE_SHARE = 0.02
# A faulty sensor works at first, for up to this many readings.
_LATEST_ONSET = 50


class Fault(StrEnum):
    """How a sensor fails. Its readings are still valid ones: they are implausible, not malformed."""

    NONE = "none"
    STUCK = "stuck"
    """It repeats one reading for ever."""
    SPIKES = "spikes"
    """Now and then it shows a wild value."""
    FLAT = "flat"
    """It shows zero."""


class Reading(NamedTuple):
    """Temperature in °C and relative humidity in %, to two decimals."""

    temperature: float
    humidity: float


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where a device stands and how its sensor is built.

    Attributes:
        latitude: degrees north; colder, and with a larger daily swing, towards the poles.
        longitude: degrees east; shifts the day.
        drift_per_day: °C that the sensor goes wrong by each day.
        noise: standard deviation of the temperature, °C.
        fault: how it fails.
        onset: after how many readings it fails.
    """

    latitude: float
    longitude: float
    drift_per_day: float
    noise: float
    fault: Fault
    onset: int


def site(source: random.Random, fault: Fault) -> Site:
    """A random site."""
    return Site(
        latitude=source.uniform(-60, 65),
        longitude=source.uniform(-180, 180),
        drift_per_day=source.gauss(0, 0.05),
        noise=source.uniform(0.05, 0.3),
        fault=fault,
        onset=source.randrange(_LATEST_ONSET),
    )


class Sensor:
    """One device's sensor. Readings depend on the site, the time and the order in which they are taken.

    Args:
        at: the site.
        source: randomness of its own, so that devices do not change each other.
    """

    def __init__(self, at: Site, source: random.Random) -> None:
        self._at, self._source = at, source
        self._taken, self._stuck_at = 0, Reading(0.0, 0.0)

    def read(self, time: dt.datetime, age_s: float) -> Reading:
        """A reading.

        Args:
            time: when (UTC): it decides the season and the time of day.
            age_s: seconds since the run's start: it decides the drift.
        """
        reading = self._climate(time, age_s)
        self._taken += 1
        if self._taken <= self._at.onset or self._at.fault is Fault.NONE:
            self._stuck_at = reading
            return reading
        if self._at.fault is Fault.STUCK:
            return self._stuck_at
        if self._at.fault is Fault.FLAT:
            return Reading(0.0, 0.0)
        if self._source.random() < _SPIKE_SHARE:
            return Reading(round(self._source.choice((-1, 1)) * self._source.uniform(150, 900), 2), 100.0)
        return reading

    def _climate(self, time: dt.datetime, age_s: float) -> Reading:
        at = self._at
        hour = (time.hour + time.minute / 60 + time.second / 3600 + at.longitude / 15) % 24
        daily = -math.cos((hour - _COLDEST_HOUR) / 24 * 2 * math.pi)
        season = -math.cos((time.timetuple().tm_yday - 20) / 365.25 * 2 * math.pi)
        tilt = at.latitude / 65
        mean = 27 - 22 * abs(tilt) ** 1.5 + 11 * tilt * season
        swing = 2 + 5 * abs(tilt)
        temperature = mean + swing * daily + at.drift_per_day * age_s / _DAY_S
        humidity = 62 - 18 * daily + self._source.gauss(0, 1.5)
        temperature += self._source.gauss(0, at.noise)
        return Reading(round(temperature, 2), round(min(100.0, max(3.0, humidity)), 2))

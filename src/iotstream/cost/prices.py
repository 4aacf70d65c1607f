"""What AWS charges: the dated table in `prices.toml`, read and checked."""

from __future__ import annotations

import datetime as dt
import functools
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise
from typing import Any, NamedTuple

from iotstream.errors import ConfigurationError


class Tier(NamedTuple):
    """A price that holds for what lies above a quantity in a month."""

    above: float
    usd: float


@dataclass(frozen=True, kw_only=True)
class Price:
    """One price.

    Attributes:
        name: `service.name`, as in the file.
        unit: what one is.
        per: how many units one price is for.
        tiers: prices by the month's quantity, from 0 up.
        confirmed: whether a source was read that names the region and the price.
        comment: what is to be known of it.
        page: AWS's own page.
        seen: where the figure was read.
        read: when.
    """

    name: str
    unit: str
    per: float
    tiers: tuple[Tier, ...]
    confirmed: bool
    comment: str
    page: str
    seen: str
    read: dt.date

    def cost(self, quantity: float) -> float:
        """Dollars for that many units in a month."""
        bounds = [*(tier.above for tier in self.tiers), float("inf")]
        return sum(
            tier.usd / self.per * (min(quantity, end) - start)
            for tier, (start, end) in zip(self.tiers, pairwise(bounds), strict=True)
            if quantity > start
        )


class Term(NamedTuple):
    """A figure of a price list that is no price, such as a minimum."""

    name: str
    value: float
    unit: str
    confirmed: bool
    comment: str


@dataclass(frozen=True)
class Prices:
    """The whole table.

    Attributes:
        region: where these prices hold.
        read: when the table was last gone through.
        prices: by `service.name`.
        terms: by `service.name`.
    """

    region: str
    read: dt.date
    prices: Mapping[str, Price]
    terms: Mapping[str, Term]

    def __getitem__(self, name: str) -> Price:
        return self.prices[name]

    @classmethod
    def load(cls) -> Prices:
        """The table that comes with the package."""
        return _packaged()

    @classmethod
    def parse(cls, text: str) -> Prices:
        """Read a table.

        Raises:
            ConfigurationError: a price lacks its unit, its source or its date, or is no number.
        """
        table = tomllib.loads(text)
        prices: dict[str, Price] = {}
        terms: dict[str, Term] = {}
        for service, section in table.items():
            if not isinstance(section, Mapping):
                continue
            for name, entry in section.get("prices", {}).items():
                prices[f"{service}.{name}"] = _price(f"{service}.{name}", entry, section)
            for name, entry in section.get("terms", {}).items():
                terms[f"{service}.{name}"] = Term(
                    f"{service}.{name}", **({"confirmed": True, "comment": ""} | entry)
                )
        return cls(table["region"], table["read"], prices, terms)


@functools.cache
def _packaged() -> Prices:
    return Prices.parse(resources.files("iotstream.cost").joinpath("prices.toml").read_text("utf-8"))


def _price(name: str, entry: Mapping[str, Any], section: Mapping[str, Any]) -> Price:
    raw = entry.get("tiers") or [{"above": 0, "usd": entry.get("usd")}]
    tiers = tuple(Tier(one["above"], one["usd"]) for one in raw)
    ascending = [tier.above for tier in tiers]
    if ascending[0] != 0 or ascending != sorted(set(ascending)):
        raise ConfigurationError(f"{name}: tiers begin at {ascending}; they must begin at 0 and ascend")
    if not all(isinstance(one["usd"], int | float) and one["usd"] > 0 for one in raw):
        raise ConfigurationError(f"{name}: the price is {[tier.usd for tier in tiers]}; it must be above 0")
    missing = [key for key in ("page", "seen", "read") if not section.get(key)]
    missing += [] if entry.get("unit") else ["unit"]
    if missing:
        raise ConfigurationError(
            f"{name} has no {missing[0]}; each price has its unit, its source and its date"
        )
    return Price(
        name=name,
        unit=entry["unit"],
        per=entry.get("per", 1),
        tiers=tiers,
        confirmed=entry.get("confirmed", True),
        comment=entry.get("comment", ""),
        page=section["page"],
        seen=section["seen"],
        read=section["read"],
    )

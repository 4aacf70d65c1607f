"""A bill: lines, sums by service, and what drives them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from iotstream.cost.prices import Price, Prices, Term


class Line(NamedTuple):
    """One line of a bill.

    Attributes:
        service: whose.
        what: in words.
        quantity: a month's, in the price's unit.
        price: what it is multiplied by.
        term: a minimum that the quantity is, if it is one.
    """

    service: str
    what: str
    quantity: float
    price: Price
    term: Term | None = None

    @property
    def dollars(self) -> float:
        """A month's."""
        return self.price.cost(self.quantity)


@dataclass(frozen=True)
class Bill:
    """The lines of a month."""

    lines: tuple[Line, ...]

    @property
    def total(self) -> float:
        """Dollars."""
        return sum(line.dollars for line in self.lines)

    @property
    def services(self) -> dict[str, float]:
        """Dollars by service, in the bill's order."""
        found: dict[str, float] = {}
        for line in self.lines:
            found[line.service] = found.get(line.service, 0.0) + line.dollars
        return found

    def of(self, *services: str) -> float:
        """Dollars of these services together."""
        return sum(line.dollars for line in self.lines if line.service in services)

    def driver(self, service: str) -> Line:
        """The line that costs the most of that service."""
        return max((line for line in self.lines if line.service == service), key=lambda line: line.dollars)

    @property
    def unconfirmed(self) -> dict[str, dict[str, str]]:
        """What no source confirms, by the service that has to pay by it: names and comments."""
        found: dict[str, dict[str, str]] = {}
        for line in self.lines:
            for one in (line.price, line.term):
                if line.dollars and one is not None and not one.confirmed:
                    found.setdefault(line.service, {})[one.name] = one.comment
        return found


@dataclass(frozen=True)
class Counter:
    """Makes lines of one service."""

    service: str
    prices: Prices

    def line(self, price: str, quantity: float, what: str) -> Line:
        """That many units at that price."""
        return Line(self.service, what, quantity, self.prices[price])

    def at_least(self, term: str, least: float, line: Line) -> Line:
        """The same, or the minimum of that term."""
        return line if line.quantity >= least else line._replace(quantity=least, term=self.prices.terms[term])

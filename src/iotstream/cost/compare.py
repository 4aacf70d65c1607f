"""Where one choice becomes cheaper than another, over message rates."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from iotstream.cost.limits import IOT_MAX_PAYLOAD_BYTES, MAX_RECORD_BYTES
from iotstream.cost.prices import Prices
from iotstream.cost.services import KINESIS, bill_of
from iotstream.cost.tables import Table, dollars, number
from iotstream.cost.usage import Usage

RATES = (1, 10, 100, 1_000, 10_000, 100_000, 1_000_000)
"""Messages a second."""
PACKINGS = (1, 10, 25, 100, 250)
PEAK_RATES = (1_000, 100_000)
MOST_PEAK = 1000.0
Cost = Callable[[float], float]
"""Messages a second in, dollars a month out."""


def at_rate(usage: Usage, per_s: float) -> Usage:
    """The same at another rate; the number of devices follows it."""
    return replace(usage, messages_per_day=per_s * 86_400, devices=0)


def comparisons(usage: Usage, prices: Prices) -> list[Table]:
    """All tables."""
    return [
        *packing(usage, prices),
        stream_mode(usage, prices),
        consumer(usage, prices),
        store(usage, prices),
    ]


def packing(usage: Usage, prices: Prices) -> Iterator[Table]:
    """Rows a record: what Kinesis costs, and all."""
    limit = MAX_RECORD_BYTES if usage.ingest == "producer" else IOT_MAX_PAYLOAD_BYTES
    fits = [rows for rows in PACKINGS if usage.bytes_per_message * rows * usage.compressed_to <= limit]
    forms = {f"{rows} a record": replace(usage, rows_per_record=rows) for rows in fits}
    for what, services in (("Kinesis", (KINESIS,)), ("everything", ())):
        curves = {name: _curve(form, prices, services) for name, form in forms.items()}
        yield _table(f"Packing: rows a record, {what}, $ a month", curves, verdict=False)


def stream_mode(usage: Usage, prices: Prices) -> Table:
    """Provisioned against on-demand."""
    curves = {
        mode: _curve(replace(usage, stream_mode=mode), prices, (KINESIS,))
        for mode in ("on-demand", "on-demand-advantage", "provisioned")
    }
    table = _table(f"Stream mode ({_packed(usage)}): Kinesis, $ a month", curves)
    return replace(table, notes=(*table.notes, *_peaks(usage, prices)))


def _peaks(usage: Usage, prices: Prices) -> Iterator[str]:
    """Provisioned shards are for the peaks, on-demand is paid by what comes."""
    for rate in PEAK_RATES:
        on_demand = _curve(replace(usage, stream_mode="on-demand"), prices, (KINESIS,))(rate)
        provisioned = replace(usage, stream_mode="provisioned")

        def cost(peak: float, base: Usage = provisioned, rate: float = rate) -> float:
            return _curve(replace(base, headroom=peak), prices, (KINESIS,))(rate)

        ratio = break_even(cost, lambda _, flat=on_demand: flat, 1, MOST_PEAK)  # type: ignore[misc]
        if ratio is not None:
            yield (
                f"At {number(rate)} messages a second on-demand is cheaper than provisioned where shards for "
                f"more than {number(ratio)} times the mean rate would be kept."
            )


def consumer(usage: Usage, prices: Prices) -> Table:
    """ECS against Lambda: the whole bill, for objects, journal and endpoints differ too."""
    base = usage.in_private_subnets()
    curves = {name: _curve(replace(base, consumer=name), prices) for name in ("lambda", "ecs")}
    return _table(f"Consumer ({_packed(usage)}): everything, $ a month", curves)


def store(usage: Usage, prices: Prices) -> Table:
    """InfluxDB against LiveAnalytics: what each adds to a bill without."""
    base = usage.in_private_subnets()
    without = _curve(replace(base, tsdb="none"), prices)

    def added(tsdb: str) -> Cost:
        full = _curve(replace(base, tsdb=tsdb), prices)
        return lambda per_s: full(per_s) - without(per_s)

    curves = {tsdb: added(tsdb) for tsdb in ("influxdb", "liveanalytics")}
    return _table(f"Time-series store ({_packed(usage)}): what it adds, $ a month", curves)


def break_even(one: Cost, other: Cost, low: float = 0.01, high: float = 1_000_000) -> float | None:
    """The rate from which on `other` is the cheaper one, up to `high`; None: it never is, or always was.

    Costs have steps, so that curves may cross more than once: the last crossing counts.
    """
    steps = 120
    rates = [math.exp(math.log(low) + math.log(high / low) * step / steps) for step in range(steps + 1)]
    cheaper = [other(rate) < one(rate) for rate in rates]
    if not cheaper[-1] or all(cheaper):
        return None
    last = max(index for index, flag in enumerate(cheaper) if not flag)
    below, above = rates[last], rates[last + 1]
    for _ in range(40):
        middle = math.sqrt(below * above)
        below, above = (below, middle) if other(middle) < one(middle) else (middle, above)
    return above


def _curve(usage: Usage, prices: Prices, services: Sequence[str] = ()) -> Cost:
    # Each pair of curves is searched over the same rates.
    @functools.cache
    def cost(per_s: float) -> float:
        bill = bill_of(at_rate(usage, per_s), prices)
        return bill.of(*services) if services else bill.total

    return cost


def _packed(usage: Usage) -> str:
    rows = usage.rows_per_record
    return "1 row a record" if rows == 1 else f"{rows} rows a record"


def _table(title: str, curves: Mapping[str, Cost], *, verdict: bool = True) -> Table:
    rows = []
    for rate in RATES:
        values = {name: curve(rate) for name, curve in curves.items()}
        cheapest = min(values, key=lambda name: values[name])
        cells = [dollars(value) for value in values.values()]
        rows.append((number(rate), *cells, *([cheapest] if verdict else [])))
    columns = ("messages a second", *curves, *(["cheapest"] if verdict else []))
    return Table(title, columns, tuple(rows), tuple(_notes(curves)) if verdict else ())


def _notes(curves: Mapping[str, Cost]) -> Iterator[str]:
    """Each pair in which one takes over from the other."""
    for one in curves:
        for other in curves:
            if one != other and (rate := break_even(curves[one], curves[other])) is not None:
                yield f"{other} is cheaper than {one} from {number(rate)} messages a second on."

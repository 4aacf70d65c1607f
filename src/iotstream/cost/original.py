"""The original's table of about 47.54 $ a month: reproduced, computed again, and what was wrong with it."""

from __future__ import annotations

from typing import NamedTuple

from iotstream.cost.limits import DAYS, GIB, HOURS, KIB, WRITE_UNIT_BYTES
from iotstream.cost.prices import Prices
from iotstream.cost.tables import Table, dollars

GB_A_DAY, RETENTION_HOURS = 1, 168
MEMORY_HOURS, TIMESTREAM_GB = 24, 10
LAKE_GB, SCANNED_GB = 100, 10


class Claim(NamedTuple):
    """A line of the original's table.

    Attributes:
        service: as it named it.
        usage: as it named it.
        claimed: dollars a month.
        by: how that figure comes about.
        right: dollars for the same usage at today's prices, with what belongs to it.
        verdict: what was wrong.
    """

    service: str
    usage: str
    claimed: float
    by: str
    right: float
    verdict: str


def claims(prices: Prices) -> tuple[Claim, ...]:
    """The original's lines. What it left out altogether is in `LEFT_OUT`."""
    return (
        _iot(prices),
        _kinesis(prices),
        _lambda(prices),
        _timestream(prices),
        Claim(
            "S3",
            "100 GB",
            LAKE_GB * 0.023,
            "100 GB x 0.023",
            prices["s3.standard_gb_month"].cost(LAKE_GB),
            "Right for what it says; requests are left out, and the volume is not that of 1 GB a day.",
        ),
        Claim(
            "Athena",
            "10 GB scanned",
            0.50,
            "ten times 10 GB x 0.005",
            prices["athena.scanned_tb"].cost(SCANNED_GB / KIB),
            "Ten times too much: 5 $ are for a TB, not for 100 GB.",
        ),
    )


LEFT_OUT = (
    "Left out: the devices' EC2 instances, NAT or endpoints, CloudWatch, the Glue crawler, S3's requests.",
    "Its usages contradict each other: 1M messages a month are 1 GB a day only if each has 33 KB.",
)


def _iot(prices: Prices) -> Claim:
    right = sum(prices[f"iot.{name}"].cost(1_000_000) for name in ("message", "rule", "action"))
    return Claim(
        "IoT Core",
        "1M messages",
        1.00,
        "1M x 1.00 a million",
        right,
        "The broker only: the rule and its action are 0.15 a million each, a connection 0.0035 a month.",
    )


def _kinesis(prices: Prices) -> Claim:
    gb = GB_A_DAY * DAYS
    kept = GB_A_DAY * (RETENTION_HOURS - 24) / 24
    right = (
        prices["kinesis.stream_hour"].cost(HOURS)
        + prices["kinesis.ingested_gb"].cost(gb)
        + prices["kinesis.retrieved_gb"].cost(gb)
        + prices["kinesis.extended_gb_month"].cost(kept)
    )
    return Claim(
        "Kinesis on-demand",
        "1 GB a day",
        HOURS * 0.048,
        "730 h x 0.048",
        right,
        "A stream-hour is 0.040 here; GB in and out and the 168 h are left out. Records count as 1 KB at "
        "least: 1 GB a day of 100-byte messages is paid as ten.",
    )


def _lambda(prices: Prices) -> Claim:
    return Claim(
        "Lambda",
        "1M invocations",
        0.20,
        "1M x 0.20 a million",
        prices["lambda.request"].cost(1_000_000) + prices["lambda.gb_second"].cost(1_000_000 * 0.1 * 0.25),
        "Invocations without their duration: at 100 ms of 256 MB that is 0.33 more. And Kinesis calls Lambda "
        "by batches, not by messages.",
    )


def _timestream(prices: Prices) -> Claim:
    writes = GIB / WRITE_UNIT_BYTES
    in_memory = 1 / DAYS * MEMORY_HOURS / 24
    right = (
        prices["timestream.write"].cost(writes)
        + prices["timestream.memory_gb_hour"].cost(in_memory * HOURS)
        + prices["timestream.magnetic_gb_month"].cost(
            max(TIMESTREAM_GB, prices.terms["timestream.magnetic_minimum_gb"].value)
        )
    )
    return Claim(
        "Timestream",
        "1 GB written, 10 GB stored",
        0.50 + TIMESTREAM_GB * 0.80,
        "1M writes x 0.50 a million + 10 GB x 0.80",
        right,
        "0.80 a GB is no price of its: a GB-month is 26.28 in the memory store, 0.03 in the magnetic one. "
        "Queries are left out. No new customers since June 2025.",
    )


def original_table(prices: Prices) -> Table:
    """Both sums side by side."""
    found = claims(prices)
    rows = [(one.service, one.usage, dollars(one.claimed), dollars(one.right), one.verdict) for one in found]
    total = (
        "total",
        "",
        dollars(sum(one.claimed for one in found)),
        dollars(sum(one.right for one in found)),
        "",
    )
    return Table(
        "The original's estimate",
        ("service", "usage", "its $", "$ by this table", "what was wrong"),
        (*rows, total),
        LEFT_OUT,
    )

"""The table of prices: complete, dated, and counted right."""

import datetime as dt
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import iotstream.cost
from iotstream.cost import Prices
from iotstream.errors import ConfigurationError

PRICES = Prices.load()
SOURCES = Path(iotstream.cost.__file__).parent

MINIMAL = """
region = "us-east-1"
read = 2026-01-01
[some]
page = "https://aws.amazon.com/some/pricing/"
seen = "there"
read = 2026-01-01
[some.prices]
thing = {{ {} }}
"""


def test_each_price_has_its_source_and_its_date():
    for price in PRICES.prices.values():
        assert all(url.startswith("https://aws.amazon.com/") for url in price.page.split(", ")), price.name
        assert price.seen, price.name
        assert dt.date(2026, 1, 1) <= price.read <= PRICES.read, price.name
        assert price.unit, price.name


def test_what_is_not_confirmed_says_where_it_comes_from():
    doubtful = [one for one in (*PRICES.prices.values(), *PRICES.terms.values()) if not one.confirmed]
    assert doubtful
    assert all(one.comment for one in doubtful)


def test_every_price_is_used_and_every_used_price_is_there():
    text = "".join(path.read_text(encoding="utf-8") for path in SOURCES.glob("*.py"))
    used = set(re.findall(r"[\"{]((?:[a-z_0-9]+)\.[a-z_]+)\"", text))
    used |= {
        f"{service}.{name}"
        for service in ("kinesis", "kinesis_advantage")
        for name in re.findall(r"\{service\}\.([a-z_]+)\"", text)
    }
    used |= {f"iot.{name}" for name in ("message", "rule", "action")}
    assert set(PRICES.prices) <= used
    assert set(PRICES.terms) <= used


@pytest.mark.parametrize(
    ("name", "quantity", "dollars"),
    [
        ("kinesis.shard_hour", 730, 10.95),
        ("kinesis.stream_hour", 730, 29.20),
        ("kinesis.put_unit", 6_500_000, 0.091),
        ("lambda.request", 1_000_000, 0.20),
        ("lambda.gb_second", 17_500, 0.2333345),
        ("iot.connection_minute", 4_320_000_000, 345.60),  # AWS's example: 100,000 devices for 30 days
        ("iot.message", 975_000_000, 975.00),  # the same
        ("iot.message", 6_000_000_000, 1_000 + 4_000 * 0.8 + 1_000 * 0.7),
        ("s3.standard_gb_month", 100 * 1024, 51_200 * 0.023 + 51_200 * 0.022),
        ("s3.put", 10_000, 0.05),
        ("athena.scanned_tb", 1, 5.00),
        ("dynamodb.write_unit", 3_000_000, 1.875),
        ("network.nat_hour", 730, 32.85),
    ],
)
def test_known_sums(name, quantity, dollars):
    assert PRICES[name].cost(quantity) == pytest.approx(dollars)


@given(st.sampled_from(sorted(PRICES.prices)), st.floats(0, 1e13), st.floats(0, 1e13))
def test_more_costs_more_and_never_more_than_apart(name, one, other):
    price = PRICES[name]
    together = price.cost(one + other)
    assert together >= price.cost(one)
    assert together <= (price.cost(one) + price.cost(other)) * (1 + 1e-9)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ('usd = "a lot", unit = "x"', "a lot"),
        ("usd = 1.0", "has no unit"),
        ('usd = -1.0, unit = "x"', "above 0"),
        ('unit = "x", tiers = [{ above = 5, usd = 1 }]', "must begin at 0"),
    ],
)
def test_a_wrong_entry_is_refused_by_name(entry, said):
    with pytest.raises(ConfigurationError, match=r"some\.thing") as error:
        Prices.parse(MINIMAL.format(entry))
    assert said in str(error.value)


def test_a_price_without_source_is_refused():
    text = MINIMAL.format('usd = 1.0, unit = "x"').replace('seen = "there"\n', "")
    with pytest.raises(ConfigurationError, match=r"some\.thing has no seen"):
        Prices.parse(text)

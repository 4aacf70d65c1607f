"""The original's table, break-even points, capacity."""

import dataclasses
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.cost import Flow, Prices, Usage, bill_of
from iotstream.cost.capacity import capacity, limits
from iotstream.cost.compare import RATES, at_rate, break_even, comparisons, consumer, store, stream_mode
from iotstream.cost.original import claims, original_table
from iotstream.cost.services import KINESIS
from iotstream.cost.tables import bar, dollars, number

PRICES = Prices.load()
USAGE = Usage(messages_per_day=1e6)


def test_the_originals_table_comes_out_of_its_own_assumptions():
    found = {one.service: round(one.claimed, 2) for one in claims(PRICES)}
    assert found == {
        "IoT Core": 1.00,
        "Kinesis on-demand": 35.04,
        "Lambda": 0.20,
        "Timestream": 8.50,
        "S3": 2.30,
        "Athena": 0.50,
    }
    assert round(sum(one.claimed for one in claims(PRICES)), 2) == 47.54


def test_the_originals_usage_at_the_tables_prices():
    right = {one.service: one.right for one in claims(PRICES)}
    days = 730 / 24
    assert right["IoT Core"] == pytest.approx(1.30)
    assert right["Kinesis on-demand"] == pytest.approx(29.20 + days * 0.12 + 6 * 0.10)
    assert right["Athena"] == pytest.approx(10 / 1024 * 5)
    assert right["S3"] == pytest.approx(2.30)
    assert right["Timestream"] == pytest.approx(1.048576 * 0.5 + 730 / days * 0.036 + 3.00)
    assert original_table(PRICES).rows[-1][2] == "47.54"
    assert all(one.verdict for one in claims(PRICES))


@given(st.floats(0.1, 9e5))
def test_break_even_of_a_flat_price_against_one_by_use(rate):
    found = break_even(lambda per_s: per_s, lambda _: rate)
    assert found == pytest.approx(rate, rel=1e-6)


def test_without_a_crossing_there_is_no_break_even():
    assert break_even(lambda rate: rate, lambda rate: 2 * rate) is None
    assert break_even(lambda rate: 2 * rate, lambda rate: rate) is None


def test_the_last_crossing_counts():
    stairs = lambda rate: 10 if rate < 1 or 5 < rate < 50 else 1  # noqa: E731
    assert break_even(lambda _: 5, stairs) == pytest.approx(50)


def test_tables_name_the_cheapest():
    for table in (stream_mode(USAGE, PRICES), consumer(USAGE, PRICES), store(USAGE, PRICES)):
        assert [row[0] for row in table.rows] == [number(rate) for rate in RATES]
        for row in table.rows:
            values = {
                name: float(cell.replace(",", ""))
                for name, cell in zip(table.columns[1:-1], row[1:-1], strict=True)
            }
            assert values[row[-1]] == min(values.values())


def test_the_tables_say_what_the_bills_say():
    (row,) = [row for row in stream_mode(USAGE, PRICES).rows if row[0] == "10,000"]
    one = dataclasses.replace(at_rate(USAGE, 10_000), stream_mode="provisioned")
    assert row[3] == dollars(bill_of(one, PRICES).of(KINESIS))


def test_influx_takes_over_from_liveanalytics_once():
    (note,) = store(USAGE, PRICES).notes
    rate = float(note.split(" from ")[1].split(" ")[0])

    def added(tsdb, per_s):
        base = at_rate(USAGE, per_s)
        return bill_of(dataclasses.replace(base, tsdb=tsdb), PRICES).total

    assert added("influxdb", rate * 1.02) < added("liveanalytics", rate * 1.02)
    assert added("influxdb", rate * 0.9) > added("liveanalytics", rate * 0.9)


def test_comparisons_hold_for_lambda_outside_a_vpc():
    outside = dataclasses.replace(USAGE, tsdb="none", network="none")
    titles = [table.title for table in comparisons(outside, PRICES)]
    assert len(titles) == 5
    assert capacity(outside, PRICES)


def test_a_million_messages_a_second():
    usage = Usage(messages_per_day=1e6 * 86_400, headroom=1)
    packed = dataclasses.replace(usage, rows_per_record=100)
    assert Flow(usage).shards == 1_000
    assert Flow(packed).shards_by_records == 10
    assert Flow(packed).shards == math.ceil(1e8 / 1024**2) == 96
    first = max(limits(usage, PRICES), key=lambda limit: limit.share)
    assert (first.name, first.share) in {("IoT Core: rules/s", 50), ("IoT Core: publishes/s", 50)}
    broken = {limit.name for limit in limits(packed, PRICES) if limit.share > 1}
    assert broken == {"InfluxDB: points/s of one instance", "IoT Core: connections"}


def test_without_iot_core_its_quotas_bind_nobody():
    names = {limit.name for limit in limits(dataclasses.replace(USAGE, ingest="producer"), PRICES)}
    assert not any(name.startswith("IoT") for name in names)


def test_capacity_shows_the_packed_form_of_the_usage():
    usage = dataclasses.replace(USAGE, rows_per_record=40)
    needs, costs, *broken = capacity(usage, PRICES)
    assert needs.columns == ("", "1 row a record", "40 rows a record")
    assert costs.rows[-2][2] == dollars(bill_of(usage, PRICES).total)
    assert len(broken) == 2


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.0004, "4.0e-04"), (0.0123, "0.0123"), (1.5, "1.5"), (99.97, "100"), (12_345.6, "12,346")],
)
def test_numbers(value, text):
    assert number(value) == text


def test_bars_and_dollars():
    assert (bar(0), bar(0.001), bar(0.5), bar(1)) == ("", "▏", "█" * 10, "█" * 20)
    assert (dollars(0.004), dollars(999.99), dollars(1234.5)) == ("0.00", "999.99", "1,234")

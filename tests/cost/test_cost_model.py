"""The model: sums computed by hand, and properties that hold for every usage."""

import dataclasses
import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iotstream.cost import Flow, Prices, Usage, bill_of
from iotstream.cost.limits import GIB, HOURS, SECONDS
from iotstream.cost.measured import CONSUMER_JVM, LAMBDA_HANDLER, LAMBDA_PARSE, parquet_bytes
from iotstream.cost.services import (
    CLOUDWATCH,
    DYNAMODB,
    FARGATE,
    IOT,
    KINESIS,
    LAMBDA,
    fargate_tasks,
)
from iotstream.cost.storage import ATHENA, INFLUXDB, LIVEANALYTICS, S3, _writes, influx_instances
from iotstream.cost.usage import CONSUMERS, INGESTS, STORES, STREAM_MODES
from iotstream.errors import ConfigurationError

PRICES = Prices.load()

rates = st.floats(0.001, 2e6)
usages = st.builds(
    lambda per_s, size, rows, **rest: Usage(
        messages_per_day=per_s * 86_400, bytes_per_message=size, rows_per_record=rows, **rest
    ),
    rates,
    st.integers(20, 1_000),
    st.integers(1, 100),
    ingest=st.sampled_from(INGESTS),
    consumer=st.sampled_from(CONSUMERS),
    tsdb=st.sampled_from(STORES),
    stream_mode=st.sampled_from(STREAM_MODES),
    headroom=st.floats(1, 4),
    retention_hours=st.integers(24, 8760),
    window_s=st.floats(0, 300),
    lambda_memory_mb=st.integers(128, 10_240),
    queries=st.floats(0, 10_000),
    lake_months=st.integers(1, 60),
    network=st.sampled_from(["endpoints", "nat"]),
)


def with_rate(usage, per_s):
    return dataclasses.replace(usage, messages_per_day=per_s * 86_400)


# By hand.


def test_iot_of_a_million_messages_a_day():
    usage = Usage(messages_per_day=1_000_000, devices=1_000)
    month = 1_000_000 * 730 / 24
    expected = 1_000 * 43_800 * 0.08 / 1e6 + month / 1e6 * (1.00 + 0.15 + 0.15)
    assert bill_of(usage, PRICES).of(IOT) == pytest.approx(expected)
    basic = dataclasses.replace(usage, ingest="basic-ingest")
    assert bill_of(basic, PRICES).of(IOT) == pytest.approx(expected - month / 1e6)
    assert bill_of(dataclasses.replace(usage, ingest="producer"), PRICES).of(IOT) == 0


def test_messages_beyond_5_kb_count_twice():
    small = Usage(messages_per_day=1e6, bytes_per_message=5_000, devices=1)
    large = dataclasses.replace(small, bytes_per_message=5_100)  # with the topic above 5,120
    ratio = bill_of(large, PRICES).of(IOT) / bill_of(small, PRICES).of(IOT)
    assert ratio == pytest.approx(2, rel=0.001)


def test_two_provisioned_shards_for_a_week():
    usage = Usage(messages_per_day=1_500 * 86_400, stream_mode="provisioned", headroom=1)
    units = 1_500 * SECONDS
    expected = 2 * 730 * (0.015 + 0.020) + units / 1e6 * 0.014
    assert Flow(usage).shards == 2
    assert bill_of(usage, PRICES).of(KINESIS) == pytest.approx(expected)
    day = dataclasses.replace(usage, retention_hours=24)
    assert bill_of(day, PRICES).of(KINESIS) == pytest.approx(expected - 2 * 730 * 0.020)


def test_on_demand_rounds_records_up_to_1_kb():
    usage = Usage(messages_per_day=1e7, bytes_per_message=100, retention_hours=24)
    month = 1e7 * 730 / 24
    expected = 29.20 + month * 1024 / GIB * 0.08 + month * 100 / GIB * 0.04
    assert bill_of(usage, PRICES).of(KINESIS) == pytest.approx(expected)


def test_a_year_in_an_on_demand_stream():
    usage = Usage(messages_per_day=86_400, bytes_per_message=1024, retention_hours=8760)
    gb_an_hour = 3600 * 1024 / GIB
    kept = gb_an_hour * (144 * 0.10 + (8760 - 168) * 0.023)
    day = dataclasses.replace(usage, retention_hours=24)
    assert bill_of(usage, PRICES).of(KINESIS) - bill_of(day, PRICES).of(KINESIS) == pytest.approx(kept)


def test_lambda_by_hand():
    usage = Usage(
        messages_per_day=1_000 * 86_400, tsdb="none", stream_mode="provisioned", headroom=1, window_s=300
    )
    function = Flow(usage).function
    # A record of 100 bytes takes 710 in the event: 6 MB hold 8,858, fewer than the 10,000 of a batch.
    assert function.batch == math.floor(6 * 1024**2 / (100 * 4 / 3 + 577))
    duration = function.batch * (0.94 + 2.36) / 1e6 + 0.25
    invocations = 1_000 * SECONDS / function.batch
    gb_s = invocations * duration * 1769 / 1024
    expected = invocations / 1e6 * 0.20 + gb_s * 0.0000133334
    assert bill_of(usage, PRICES).of(LAMBDA) == pytest.approx(expected)


def test_a_trickle_is_one_invocation_a_record():
    usage = Usage(messages_per_day=100, window_s=60)
    assert Flow(usage).function.batch == 1
    assert Flow(usage).function.per_s == pytest.approx(100 / 86_400)


def test_timestreams_own_example_of_writes():
    """100 series every 5 s, batched: 12 of 83 bytes are one write of 1 KiB (its developer guide)."""
    usage = Usage(messages_per_day=100 / 5 * 86_400, tsdb="liveanalytics", consumer="ecs")
    writes = _writes(Flow(usage), 83)
    # There 100 rows at once are 9 writes. Here each of four shards is pushed once a second: 5 rows, a write.
    assert writes == pytest.approx(4 * SECONDS)
    at_once = dataclasses.replace(usage, messages_per_day=4 * 12 * 86_400)
    assert _writes(Flow(at_once), 83) == pytest.approx(4 * SECONDS)
    one_more = dataclasses.replace(usage, messages_per_day=4 * 13 * 86_400)
    assert _writes(Flow(one_more), 83) == pytest.approx(8 * SECONDS)


def test_liveanalytics_by_hand():
    usage = Usage(
        messages_per_day=100_000 * 86_400, tsdb="liveanalytics", consumer="ecs", queries=10, headroom=1
    )
    flow = Flow(usage)
    assert flow.shards == 100  # 1,000 rows a push each: ten calls of 100 rows, 7 KiB each
    gb = 100_000 * 86_400 * 70 / GIB
    expected = (
        100_000 / 100 * 7 * SECONDS / 1e6 * 0.50
        + gb * HOURS * 0.036
        + gb * 365 * 0.03
        + 10 * 730 / 24 * 30 / 3600 * 4 * 0.518
    )
    assert bill_of(usage, PRICES).of(LIVEANALYTICS) == pytest.approx(expected)


def test_influx_classes():
    def size(per_s):
        found = influx_instances(Flow(Usage(messages_per_day=per_s * 86_400)))
        return found.number, found.size

    # 18,750 points a second by vCPU, busy to 60 %.
    assert size(10) == (1, "medium")
    assert size(11_250) == (1, "medium")
    assert size(11_251) == (1, "large")
    assert size(90_000) == (1, "2xlarge")
    assert size(300_000) == (1, "8xlarge")
    assert size(300_001)[0] == 2


def test_athena_counts_10_mb_at_least():
    bill = bill_of(Usage(messages_per_day=1, queries=24), PRICES)
    assert bill.of(ATHENA) == pytest.approx(730 * 10 / 1024**2 * 5)


def test_small_objects_stay_in_standard():
    small = Usage(messages_per_day=1_000_000, queries=0)
    assert Flow(small).object_bytes < 128 * 1024
    assert [line.price.name for line in bill_of(small, PRICES).lines if line.service == S3] == [
        "s3.put",
        "s3.standard_gb_month",
        "s3.get",
    ]
    large = dataclasses.replace(small, messages_per_day=86_400e6, rows_per_record=100, consumer="ecs")
    flow = Flow(large)
    month = flow.lake_bytes_per_s * SECONDS / GIB
    by_price = {line.price.name: line.quantity for line in bill_of(large, PRICES).lines if line.service == S3}
    assert by_price["s3.infrequent_gb_month"] == pytest.approx(2 * month)
    assert by_price["s3.glacier_gb_month"] == pytest.approx(9 * month)


def test_measured_lines_go_through_what_was_measured():
    assert LAMBDA_HANDLER.us(1, 100) == pytest.approx(0.94)
    assert LAMBDA_PARSE.us(100, 100) == pytest.approx(14.1)
    assert CONSUMER_JVM.us(100, 100) == pytest.approx(200)
    assert CONSUMER_JVM.us(1, 202) == pytest.approx(18.8)
    assert parquet_bytes(1_000) == 13_016
    assert parquet_bytes(1_100_000) == pytest.approx(594_007 + 5_800_000)


# For every usage.


@given(usages)
def test_every_line_is_a_cost_and_the_bill_is_their_sum(usage):
    bill = bill_of(usage, PRICES)
    assert all(line.dollars >= 0 and math.isfinite(line.dollars) for line in bill.lines)
    assert bill.total == pytest.approx(sum(bill.services.values()))
    assert all(bill.driver(service).dollars <= cost + 1e-9 for service, cost in bill.services.items())


@given(usages, st.floats(1, 100))
@settings(max_examples=300)
def test_more_messages_never_cost_less(usage, times):
    # In its first month the lake is in one tier: later, larger objects may be moved to cheaper ones.
    usage = dataclasses.replace(usage, lake_months=1, devices=0)
    more = with_rate(usage, min(usage.messages_per_day * times, 1e12) / 86_400)
    before, after = bill_of(usage, PRICES), bill_of(more, PRICES)
    # Fewer and larger tasks may be cheaper, and then log and report less.
    by_task = {CLOUDWATCH, DYNAMODB} if usage.consumer == "ecs" else set()
    for service in before.services.keys() - by_task:
        assert after.services[service] >= before.services[service] * (1 - 1e-9), service


@given(usages, st.integers(2, 20))
@settings(max_examples=300)
def test_packing_never_raises_what_stream_and_broker_cost(usage, times):
    assume(usage.bytes_per_message * usage.rows_per_record * times <= 128 * 1024)
    packed = dataclasses.replace(usage, rows_per_record=usage.rows_per_record * times, devices=10)
    loose = dataclasses.replace(usage, devices=10)
    before, after = bill_of(loose, PRICES), bill_of(packed, PRICES)
    assert after.of(KINESIS) <= before.of(KINESIS) * (1 + 1e-9)
    # The topic is counted with each message: fewer messages carry it less often.
    assert after.of(IOT) <= before.of(IOT) * (1 + 1e-9)


@given(usages, st.integers(25, 8760))
def test_keeping_longer_never_costs_less(usage, hours):
    short = dataclasses.replace(usage, retention_hours=24)
    long = dataclasses.replace(usage, retention_hours=hours)
    assert bill_of(long, PRICES).of(KINESIS) >= bill_of(short, PRICES).of(KINESIS)


@given(usages)
def test_both_stores_cost_what_each_costs(usage):
    def of(tsdb):
        bill = bill_of(dataclasses.replace(usage, tsdb=tsdb), PRICES)
        return bill.of(INFLUXDB), bill.of(LIVEANALYTICS)

    assert of("both") == (of("influxdb")[0], of("liveanalytics")[1])
    assert of("none") == (0, 0)


@given(usages)
def test_tasks_hold_the_shards_and_bear_the_work(usage):
    usage = dataclasses.replace(usage, consumer="ecs")
    flow = Flow(usage)
    tasks = fargate_tasks(flow, PRICES)
    assert tasks.number * tasks.vcpus * 0.6 >= flow.records_per_s * flow.consumer_us / 1e6 * (1 - 1e-9)
    assert tasks.number * ((tasks.gb * 1024 - 774) // 204) >= flow.shards
    cost = bill_of(usage, PRICES).of(FARGATE)
    assert cost == pytest.approx(tasks.number * (tasks.vcpus * 0.03238 + tasks.gb * 0.00356) * 730)


@given(usages)
def test_units_of_the_flow(usage):
    flow = Flow(usage)
    assert flow.records_per_s * usage.rows_per_record == pytest.approx(flow.rows_per_s)
    assert flow.records * usage.record_bytes == pytest.approx(flow.bytes_per_s * 730 * 3600)
    assert flow.shards * 1000 >= usage.headroom * flow.records_per_s * (1 - 1e-9)
    assert flow.shards * 1024**2 >= usage.headroom * flow.bytes_per_s * (1 - 1e-9)
    assert flow.spans_per_s <= flow.records_per_s * (1 + 1e-9)
    assert flow.pushes_per_s <= flow.records_per_s * (1 + 1e-9)
    function = flow.function
    assert 1 <= function.batch <= 10_000
    assert function.batch * function.per_s == pytest.approx(flow.records_per_s)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tsdb": "postgres"}, "tsdb is 'postgres'; it must be one of influxdb, liveanalytics"),
        ({"messages_per_day": 0}, "messages_per_day is 0; it must be above 0"),
        ({"messages_per_day": math.nan}, "messages_per_day is nan; it must be a finite number"),
        ({"rows_per_record": 0}, "rows_per_record is 0"),
        ({"rows_per_record": 1.5}, "a whole number"),
        ({"rows_per_record": 2_000}, "at most 131,072 bytes; these have 200,000"),
        ({"retention_hours": 23}, "at least 24, at most 8,760"),
        ({"window_s": 301}, "window_s is 301"),
        ({"network": "none"}, "endpoints or nat"),
        ({"network": "none", "tsdb": "none", "consumer": "ecs"}, "endpoints or nat"),
    ],
)
def test_a_wrong_usage_is_refused_with_what_is_allowed(change, said):
    with pytest.raises(ConfigurationError) as error:
        Usage(**({"messages_per_day": 1e6} | change))
    assert said in str(error.value)


def test_more_fits_into_a_record_without_iot_core_or_compressed():
    assert Usage(messages_per_day=1, rows_per_record=2_000, ingest="producer").record_bytes == 200_000
    assert Usage(messages_per_day=1, rows_per_record=2_000, compressed_to=0.16).record_bytes == 32_000


def test_a_minimum_is_paid_and_its_doubt_is_said():
    def doubts(service, **rest):
        return set(bill_of(Usage(**rest), PRICES).unconfirmed.get(service, {}))

    small = {"messages_per_day": 1e6, "stream_mode": "on-demand-advantage", "retention_hours": 24}
    month = 25 * SECONDS / 1024
    assert bill_of(Usage(**small), PRICES).of(KINESIS) == pytest.approx(month * (0.032 + 0.016))
    assert doubts(KINESIS, **small) == {"kinesis_advantage.minimum_mib_per_s"}
    assert doubts(KINESIS, **(small | {"messages_per_day": 1e11})) == set()
    store = {"messages_per_day": 1e6, "tsdb": "liveanalytics", "queries": 0}
    assert doubts(LIVEANALYTICS, **store) == {"timestream.magnetic_minimum_gb"}
    assert doubts(LIVEANALYTICS, **(store | {"messages_per_day": 1e9})) == set()

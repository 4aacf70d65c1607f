"""The service by boto3, over HTTP."""

import time

import pytest
from botocore.exceptions import ClientError

from iotstream.local.timestream.errors import ServiceError
from iotstream.local.timestream.faults import Fault

NAMES = {"DatabaseName": "iot_timestream_db", "TableName": "iot_table"}
SQL = 'SELECT * FROM "iot_timestream_db"."iot_table"'


def retention(hours, days):
    return {"MemoryStoreRetentionPeriodInHours": hours, "MagneticStoreRetentionPeriodInDays": days}


def now_ms(offset_s=0):
    return round((time.time() + offset_s) * 1000)


def record(device="d1", temperature="1.5", ms=None, **more):
    return {
        "Dimensions": [{"Name": "device_id", "Value": device}],
        "MeasureName": "telemetry",
        "MeasureValueType": "MULTI",
        "MeasureValues": [{"Name": "temperature", "Value": temperature, "Type": "DOUBLE"}],
        "Time": str(ms or now_ms()),
        **more,
    }


def refused(write, *records, **more):
    with pytest.raises(write.exceptions.RejectedRecordsException) as caught:
        write.write_records(**NAMES, Records=list(records), **more)
    return caught.value.response["RejectedRecords"]


def test_write_and_query(write, ask):
    ms = now_ms(-60)
    answer = write.write_records(
        **NAMES,
        CommonAttributes={"MeasureName": "telemetry", "MeasureValueType": "MULTI", "Version": 5},
        Records=[
            {
                "Dimensions": [{"Name": "device_id", "Value": "d'1"}],
                "Time": str(ms),
                "MeasureValues": [
                    {"Name": "temperature", "Value": "23.5", "Type": "DOUBLE"},
                    {"Name": "n", "Value": "-9223372036854775808", "Type": "BIGINT"},
                    {"Name": "ok", "Value": "true", "Type": "BOOLEAN"},
                    {"Name": "note", "Value": "ü", "Type": "VARCHAR"},
                ],
            }
        ],
    )
    assert answer["RecordsIngested"] == {"Total": 1, "MemoryStore": 1, "MagneticStore": 0}
    (row,) = ask(SQL + " WHERE time > ago(1h) LIMIT 10")
    time_text = row.pop("time")
    assert row == {
        "device_id": "d'1",
        "measure_name": "telemetry",
        "temperature": "23.5",
        "n": "-9223372036854775808",
        "ok": "true",
        "note": "ü",
    }
    assert len(time_text) == len("2024-12-19 10:30:00.000000000")
    assert ask(SQL + " WHERE time > ago(30s)") == []


def test_a_new_version_replaces_and_an_old_one_is_refused(write, ask):
    ms = now_ms()
    write.write_records(**NAMES, Records=[record(ms=ms, Version=2)])
    write.write_records(**NAMES, Records=[record(ms=ms, Version=2)])  # the same again is no fault
    (rejected,) = refused(write, record(ms=ms, temperature="9", Version=2))
    assert (rejected["RecordIndex"], rejected["ExistingVersion"]) == (0, 2)
    assert refused(write, record(ms=ms, temperature="9", Version=1))[0]["ExistingVersion"] == 2
    write.write_records(**NAMES, Records=[record(ms=ms, temperature="9", Version=3)])
    assert [row["temperature"] for row in ask(SQL)] == ["9.0"]


def test_refused_records_are_named_and_the_others_are_written(write, ask):
    rejected = refused(
        write,
        record("a"),
        record("b", ms=now_ms(-25 * 3600)),
        record("c", ms=now_ms(16 * 60)),
        record("d", temperature="warm"),
        record("e", temperature="NaN"),
        record(""),
        record("g"),
    )
    assert [one["RecordIndex"] for one in rejected] == [1, 2, 3, 4, 5]
    assert sorted(row["device_id"] for row in ask(SQL)) == ["a", "g"]


def test_magnetic_writes_take_old_points(write, ask):
    write.update_table(
        **NAMES,
        RetentionProperties=retention(1, 36500),
        MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
    )
    answer = write.write_records(**NAMES, Records=[record(ms=1_594_598_735_773)])
    assert answer["RecordsIngested"] == {"Total": 1, "MemoryStore": 0, "MagneticStore": 1}
    assert ask(SQL)[0]["time"] == "2020-07-13 00:05:35.773000000"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Dimensions": []}, "dimension"),
        ({"Dimensions": [{"Name": "x" * 61, "Value": "v"}]}, "60 bytes"),
        ({"Dimensions": [{"Name": "x", "Value": "v" * 2048}]}, "2048"),
        ({"Dimensions": [{"Name": "time", "Value": "v"}]}, "reserved"),
        ({"Dimensions": [{"Name": "ts_x", "Value": "v"}]}, "reserved"),
        ({"Dimensions": [{"Name": "measure_values", "Value": "v"}]}, "reserved"),
        ({"Dimensions": [{"Name": "a:b", "Value": "v"}]}, "colon"),
        ({"MeasureValues": []}, "at least one"),
        ({"MeasureValues": [{"Name": f"m{n}", "Value": "1", "Type": "DOUBLE"} for n in range(257)]}, "256"),
        ({"MeasureValues": [{"Name": "m", "Value": "1.5", "Type": "BIGINT"}]}, "BIGINT"),
        ({"MeasureValues": [{"Name": "m", "Value": "yes", "Type": "BOOLEAN"}]}, "BOOLEAN"),
        ({"MeasureValues": [{"Name": "device_id", "Value": "1", "Type": "DOUBLE"}]}, "dimension"),
        ({"MeasureValues": [{"Name": "m", "Value": str(2**63), "Type": "BIGINT"}]}, "BIGINT"),
        ({"MeasureValues": [{"Name": "m", "Value": "1_000", "Type": "BIGINT"}]}, "BIGINT"),
        ({"MeasureValues": [{"Name": "m", "Value": " 1.5", "Type": "DOUBLE"}]}, "DOUBLE"),
        ({"MeasureValues": [{"Name": "m", "Value": "1e999", "Type": "DOUBLE"}]}, "DOUBLE"),
        ({"MeasureValues": [{"Name": "m", "Value": "٣", "Type": "DOUBLE"}]}, "DOUBLE"),
        ({"MeasureValues": [{"Name": "m", "Value": "-1", "Type": "TIMESTAMP"}]}, "1970"),
        ({"MeasureValues": [{"Name": "m", "Value": "1", "Type": "DOUBLE"}] * 2}, "twice"),
        ({"MeasureValues": [{"Name": "time", "Value": "1", "Type": "DOUBLE"}]}, "reserved"),
        ({"MeasureValues": [{"Name": "m" * 257, "Value": "1", "Type": "DOUBLE"}]}, "256"),
        (
            {"MeasureValues": [{"Name": f"m{n}", "Value": "v" * 1025, "Type": "VARCHAR"} for n in range(2)]},
            "2048",
        ),
        ({"Dimensions": [{"Name": "TEMPERATURE", "Value": "v"}]}, "upper and lower case"),
        ({"MeasureValue": "1"}, "MULTI"),
        ({"MeasureName": "m" * 257}, "256"),
        ({"Time": "soon"}, "whole number"),
        ({"Time": "0"}, "retention"),
        ({"Time": "-1"}, "1970"),
        ({"Time": "9" * 30}, "2262"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_a_record_may_be(write, change, reason):
    write.write_records(**NAMES, Records=[record()])
    (rejected,) = refused(write, {**record(), **change})
    assert reason in rejected["Reason"]


def test_a_measure_keeps_its_type(write):
    write.write_records(**NAMES, Records=[record()])
    wrong = record(MeasureValues=[{"Name": "temperature", "Value": "x", "Type": "VARCHAR"}])
    assert "DOUBLE" in refused(write, wrong)[0]["Reason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"Dimensions": [{"Name": f"d{n}", "Value": "v"} for n in range(129)]}, "length <= 128"),
        ({"Dimensions": [{"Name": "a", "Value": "1"}, {"Name": "a", "Value": "2"}]}, "twice"),
        ({"MeasureValues": [{"Name": "m", "Value": "v" * 2049, "Type": "VARCHAR"}]}, "length <= 2048"),
        ({"MeasureValueType": "FLOAT"}, "FLOAT"),
        ({"TimeUnit": "DAYS"}, "DAYS"),
        ({"Version": 0}, ">= 1"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_what_the_model_forbids_fails_the_whole_call(write, ask, change, reason):
    with pytest.raises(write.exceptions.ValidationException) as caught:
        write.write_records(**NAMES, Records=[record("good"), {**record(), **change}])
    assert reason in caught.value.response["Error"]["Message"]
    assert ask(SQL) == []


def test_a_record_does_not_repeat_what_is_common(write):
    # https://docs.aws.amazon.com/timestream/latest/developerguide/API_WriteRecords.html: CommonAttributes.
    common = {"Dimensions": [{"Name": "device_id", "Value": "d"}]}
    with pytest.raises(write.exceptions.ValidationException, match="device_id"):
        write.write_records(**NAMES, Records=[record()], CommonAttributes=common)


def test_what_is_common_and_what_is_the_records_are_one(write, ask):
    write.write_records(
        **NAMES,
        CommonAttributes={
            "Dimensions": [{"Name": "site", "Value": "s"}],
            "MeasureName": "telemetry",
            "MeasureValueType": "MULTI",
            "MeasureValues": [{"Name": "n", "Value": "7", "Type": "BIGINT"}],
            "Time": str(now_ms() // 1000),
            "TimeUnit": "SECONDS",
        },
        Records=[
            {"Dimensions": [{"Name": "device_id", "Value": "a"}]},
            {"MeasureValues": [{"Name": "temperature", "Value": "1", "Type": "DOUBLE"}]},
        ],
    )
    rows = ask(f"{SQL} ORDER BY temperature")
    assert [(row["site"], row["device_id"], row["n"], row["temperature"]) for row in rows] == [
        ("s", None, "7", "1.0"),
        ("s", "a", "7", None),
    ]


def test_as_many_measures_as_are_allowed(write, ask):
    measures = [{"Name": f"m{n}", "Value": "1234567.12345", "Type": "DOUBLE"} for n in range(256)]
    write.write_records(**NAMES, Records=[record(MeasureValues=measures)])
    assert ask(SQL)[0]["m255"] == "1234567.12345"


def test_a_table_has_its_limits_too(write):
    for first in range(0, 128, 64):
        dimensions = [{"Name": f"d{n}", "Value": "v"} for n in range(first, first + 64)]
        write.write_records(**NAMES, Records=[record(Dimensions=dimensions)])
    assert "128 dimensions" in refused(write, record())[0]["Reason"]
    for first in range(1, 1024, 256):
        measures = [
            {"Name": f"m{n}", "Value": "1", "Type": "DOUBLE"} for n in range(first, min(first + 256, 1024))
        ]
        write.write_records(**NAMES, Records=[record(Dimensions=dimensions, MeasureValues=measures)])
    one_more = [{"Name": "one_more", "Value": "1", "Type": "DOUBLE"}]
    reason = refused(write, record(Dimensions=dimensions, MeasureValues=one_more))[0]["Reason"]
    assert "1024 measures" in reason


def test_single_measures(write, ask):
    single = {key: value for key, value in record().items() if key != "MeasureValues"}
    write.write_records(
        **NAMES,
        Records=[
            {**single, "MeasureName": "t", "MeasureValueType": "DOUBLE", "MeasureValue": "21.5"},
            {**single, "MeasureName": "n", "MeasureValueType": "BIGINT", "MeasureValue": "7"},
            {**single, "MeasureName": "default", "MeasureValueType": "DOUBLE", "MeasureValue": "22.5"},
        ],
    )
    assert ask(
        "SELECT avg(measure_value::double) AS t, max(measure_value::bigint) AS n, "
        'max("measure_value::double") AS quoted FROM "iot_timestream_db"."iot_table"'
    ) == [{"t": "22.0", "n": "7", "quoted": "22.5"}]
    wrong = {**single, "MeasureValueType": "TIMESTAMP", "MeasureValue": "1"}
    assert "multi-measure" in refused(write, wrong)[0]["Reason"]


@pytest.mark.parametrize("unit", [("SECONDS", 10**9), ("MICROSECONDS", 10**3), ("NANOSECONDS", 1)], ids=str)
def test_a_time_that_is_a_measure_has_the_records_unit(write, ask, unit):
    name, nanoseconds = unit
    now_ns = time.time_ns() // 10**9 * 10**9
    seen = {"Name": "seen", "Value": str(now_ns // nanoseconds), "Type": "TIMESTAMP"}
    write.write_records(
        **NAMES, Records=[record(Time=str(now_ns // nanoseconds), TimeUnit=name, MeasureValues=[seen])]
    )
    (row,) = ask(SQL)
    assert row["seen"] == row["time"]


def test_the_last_nanosecond_counts(write, ask):
    at = time.time_ns()
    write.write_records(
        **NAMES, Records=[record(Time=str(at + one), TimeUnit="NANOSECONDS") for one in range(2)]
    )
    assert [row["ns"] for row in ask(f"SELECT to_nanoseconds(time) AS ns FROM ({SQL}) ORDER BY time")] == [
        str(at),
        str(at + 1),
    ]


def test_a_required_dimension(write):
    key = {"Type": "DIMENSION", "Name": "site", "EnforcementInRecord": "REQUIRED"}
    table = {"DatabaseName": NAMES["DatabaseName"], "TableName": "by_site"}
    made = write.create_table(**table, Schema={"CompositePartitionKey": [key]})
    assert made["Table"]["Schema"] == {"CompositePartitionKey": [key]}
    with pytest.raises(write.exceptions.RejectedRecordsException) as caught:
        write.write_records(**table, Records=[record()])
    assert "site" in caught.value.response["RejectedRecords"][0]["Reason"]
    write.write_records(**table, Records=[record(Dimensions=[{"Name": "site", "Value": "s"}])])


def test_a_hundred_records_a_call(service, write):
    write.write_records(**NAMES, Records=[record(str(n)) for n in range(100)])
    # boto3 would not send them.
    with pytest.raises(ServiceError, match="length <= 100"):
        service.call("WriteRecords", {**NAMES, "Records": [record(str(n)) for n in range(101)]}, time.time())


def test_what_is_not_there(write):
    with pytest.raises(write.exceptions.ResourceNotFoundException, match="nothing"):
        write.write_records(DatabaseName=NAMES["DatabaseName"], TableName="nothing", Records=[record()])
    with pytest.raises(write.exceptions.ConflictException):
        write.create_database(DatabaseName=NAMES["DatabaseName"])


def test_endpoint_discovery(service, connect, write):
    # A client that discovers calls DescribeEndpoints first, and then the address it is given.
    discovering = connect(service, endpoint_discovery_enabled=True)
    assert discovering.describe_endpoints()["Endpoints"][0]["Address"] == service.address
    discovering.write_records(**NAMES, Records=[record()])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*) AS n FROM T", [{"n": "4"}]),
        (
            "SELECT device_id, avg(temperature) AS t FROM T GROUP BY device_id ORDER BY 1",
            [{"device_id": "a", "t": "2.0"}, {"device_id": "b", "t": "5.0"}],
        ),
        (
            "SELECT max(temperature) AS t FROM T WHERE device_id = 'a' AND time BETWEEN ago(2h) AND now()",
            [{"t": "3.0"}],
        ),
        ("SELECT count(DISTINCT bin(time, 1d)) <= 2 AS ok FROM T", [{"ok": "true"}]),
        (
            "SELECT bin(from_iso8601_timestamp('2024-12-19T10:31:59Z'), 1m) AS t FROM T LIMIT 1",
            [{"t": "2024-12-19 10:31:00.000000000"}],
        ),
        (
            "SELECT to_milliseconds(from_milliseconds(1734604200123)) AS ms FROM T LIMIT 1",
            [{"ms": "1734604200123"}],
        ),
        (
            "SELECT date_trunc('hour', from_iso8601_timestamp('2024-12-19T10:31:59Z')) AS h FROM T LIMIT 1",
            [{"h": "2024-12-19 10:00:00.000000000"}],
        ),
        ("WITH x AS (SELECT * FROM T) SELECT count(*) AS n FROM x WHERE temperature > 2", [{"n": "2"}]),
        ("SELECT '1h' AS text FROM T LIMIT 1", [{"text": "1h"}]),
    ],
)
def test_queries(write, ask, sql, expected):
    write.write_records(
        **NAMES,
        Records=[
            record("a", "1", now_ms(-10)),
            record("a", "3", now_ms(-20)),
            record("a", "2", now_ms(-30)),
            record("b", "5", now_ms(-40)),
        ],
    )
    assert ask(sql.replace(" T", ' "iot_timestream_db"."iot_table"')) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM iot_timestream_db LIMIT 10",
        "DROP TABLE iot_timestream_db.iot_table",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT 1; SELECT 2",
        "SELECT nothing FROM iot_timestream_db.iot_table",
        "nonsense",
        "COPY iot_timestream_db.iot_table TO '/tmp/x'",
        "SELECT bin(time) FROM iot_timestream_db.iot_table",
    ],
)
def test_what_can_not_be_answered_says_why(write, ask, sql):
    with pytest.raises(ask.client.exceptions.ValidationException) as caught:
        ask(sql)
    assert len(caught.value.response["Error"]["Message"]) > 10


def test_results_come_in_pages(write, ask):
    write.write_records(**NAMES, Records=[record(str(n)) for n in range(25)])
    pages = ask.client.get_paginator("query").paginate(QueryString=SQL, PaginationConfig={"PageSize": 10})
    assert [len(page["Rows"]) for page in pages] == [10, 10, 5]


def test_faults(service, write):
    service.faults.add(Fault(operation="WriteRecords", kind="throttle", times=1))
    with pytest.raises(write.exceptions.ThrottlingException):
        write.write_records(**NAMES, Records=[record()])
    write.write_records(**NAMES, Records=[record()])
    service.faults.add(Fault(operation="WriteRecords", kind="internal"))
    for _ in range(2):
        with pytest.raises(ClientError):
            write.write_records(**NAMES, Records=[record()])

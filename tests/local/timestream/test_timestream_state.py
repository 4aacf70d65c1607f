"""What the local service holds, in process: versions, flushes, restarts, retention, threads."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iotstream.local.timestream import ServiceError, Timestream
from iotstream.local.timestream.faults import Fault

NAMES = {"DatabaseName": "db_one", "TableName": "t_one"}
SQL = 'SELECT * FROM "db_one"."t_one"'
NOW = 1_790_000_000.0
DAY = 86_400


def made(directory=None, *, hours=24, days=365, writes=False):
    timestream = Timestream(directory)
    timestream.call("CreateDatabase", {"DatabaseName": "db_one"}, NOW)
    table = {
        **NAMES,
        "RetentionProperties": {
            "MemoryStoreRetentionPeriodInHours": hours,
            "MagneticStoreRetentionPeriodInDays": days,
        },
        "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": writes},
    }
    timestream.call("CreateTable", table, NOW)
    return timestream


def record(device="d", value="1", at=NOW, version=1, name="temperature"):
    return {
        "Dimensions": [{"Name": "device_id", "Value": device}],
        "MeasureName": "telemetry",
        "MeasureValueType": "MULTI",
        "MeasureValues": [{"Name": name, "Value": value, "Type": "DOUBLE"}],
        "Time": str(round(at)),
        "TimeUnit": "SECONDS",
        "Version": version,
    }


def write(timestream, *records, now=NOW):
    return timestream.call("WriteRecords", {**NAMES, "Records": list(records)}, now)


def rejected_of(timestream, *records):
    try:
        write(timestream, *records)
    except ServiceError as error:
        return error.extra["RejectedRecords"]
    return []


def ask(timestream, sql=SQL, now=NOW):
    answer = timestream.call("Query", {"QueryString": sql}, now)
    names = [one["Name"] for one in answer["ColumnInfo"]]
    return [
        dict(zip(names, (one.get("ScalarValue") for one in row["Data"]), strict=True))
        for row in answer["Rows"]
    ]


WRITES = st.tuples(
    st.sampled_from(["a", "b"]),
    st.integers(0, 2),
    st.sampled_from(["temperature", "humidity"]),
    st.sampled_from(["-1", "-2", "0", "1"]),
    st.integers(1, 3),
)


@given(st.lists(st.one_of(WRITES, st.sampled_from(["flush", "restart"])), max_size=30))
@settings(max_examples=20, deadline=None)
def test_the_highest_version_wins_whatever_happens_between(tmp_path_factory, steps):
    directory = tmp_path_factory.mktemp("state")
    timestream, model = made(directory), {}
    for step in steps:
        if step == "flush":
            timestream.flush(NOW)
            continue
        if step == "restart":
            timestream.close(NOW)
            timestream = Timestream(directory)
            continue
        device, second, name, value, version = step
        key, given_one = (device, second), (version, name, float(value))
        there = model.get(key)
        refused = there is not None and (there[0] > version or (there[0] == version and there != given_one))
        rejected = rejected_of(timestream, record(device, value, NOW - second, version, name))
        assert [one["ExistingVersion"] for one in rejected] == ([there[0]] if refused else [])
        if not refused:
            model[key] = given_one
    found = {
        (row["device_id"], row["second"]): {
            name: float(row[name]) for name in ("temperature", "humidity") if row.get(name) is not None
        }
        for row in ask(
            timestream,
            f"SELECT *, CAST({NOW} - to_milliseconds(time) / 1000 AS bigint) AS second FROM ({SQL})",
        )
    }
    assert found == {
        (device, str(second)): {name: value} for (device, second), (_, name, value) in model.items()
    }
    timestream.close(NOW)


def test_a_higher_version_of_the_same_value_counts(tmp_path):
    for directory in (None, tmp_path):
        timestream = made(directory)
        write(timestream, record(version=1))
        write(timestream, record(version=5))
        with pytest.raises(ServiceError) as caught:
            write(timestream, record(value="2", version=4))
        assert caught.value.extra["RejectedRecords"][0]["ExistingVersion"] == 5
        timestream.close(NOW)


def test_what_was_flushed_is_there_after_a_kill(tmp_path):
    timestream = made(tmp_path / "first")
    timestream.call(
        "TagResource",
        {
            "ResourceARN": timestream.call("DescribeTable", NAMES, NOW)["Table"]["Arn"],
            "Tags": [{"Key": "k", "Value": "v"}],
        },
        NOW,
    )
    write(timestream, record(), record("e", name="humidity"))
    timestream.flush(NOW)
    # As a kill would leave it: nothing is closed.
    copy = tmp_path / "second"
    copy.mkdir()
    for file in (tmp_path / "first").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    again = Timestream(copy)
    assert ask(again) == ask(timestream)
    for operation in ("DescribeTable", "DescribeDatabase"):
        assert again.call(operation, NAMES, NOW) == timestream.call(operation, NAMES, NOW)
    arn = again.call("DescribeTable", NAMES, NOW)["Table"]["Arn"]
    assert again.call("ListTagsForResource", {"ResourceARN": arn}, NOW)["Tags"] == [
        {"Key": "k", "Value": "v"}
    ]
    with pytest.raises(ServiceError, match="RejectedRecords"):
        write(again, record(value="9"))
    again.close(NOW)
    timestream.close(NOW)


def test_points_older_than_the_magnetic_store_go(tmp_path):
    timestream = made(tmp_path, days=2, writes=True)
    write(timestream, record("old", at=NOW - DAY), record("new"))
    assert len(ask(timestream)) == 2
    later = NOW + 1.5 * DAY
    assert [row["device_id"] for row in ask(timestream, now=later)] == ["new"]
    timestream.close(later)
    again = Timestream(tmp_path)
    assert [row["device_id"] for row in ask(again, now=later)] == ["new"]
    # Gone is gone: the same point with another value is a new one, but too old.
    with pytest.raises(ServiceError) as caught:
        write(again, record("old", value="7", at=NOW - DAY), now=later)
    assert "retention of 2 days" in caught.value.extra["RejectedRecords"][0]["Reason"]
    again.close(later)


@pytest.mark.parametrize(
    ("at", "store"),
    [
        (NOW, "MemoryStore"),
        (NOW + 15 * 60, "MemoryStore"),
        (NOW + 15 * 60 + 1, None),
        (NOW - 3600, "MemoryStore"),
        (NOW - 3601, "MagneticStore"),
        (NOW - 2 * DAY, "MagneticStore"),
        (NOW - 2 * DAY - 1, None),
    ],
)
def test_the_edges_of_retention(at, store):
    timestream = made(hours=1, days=2, writes=True)
    if store is None:
        with pytest.raises(ServiceError, match="RejectedRecords"):
            write(timestream, record(at=at))
    else:
        assert write(timestream, record(at=at))["RecordsIngested"][store] == 1
    timestream.close(NOW)


def test_names_that_sql_engines_know_are_tables_like_others():
    timestream = Timestream()
    names = ["main", "timestream", "information_schema", "temp", "state", "points", "tables", "select"]
    for database in names:
        timestream.call("CreateDatabase", {"DatabaseName": database}, NOW)
        table = {"DatabaseName": database, "TableName": "order"}
        timestream.call("CreateTable", table, NOW)
        timestream.call("WriteRecords", {**table, "Records": [record(database)]}, NOW)
    for database in names:
        (row,) = ask(timestream, f'SELECT device_id, "order".time FROM "{database}"."order"')
        assert row["device_id"] == database
    timestream.close(NOW)


def test_upper_and_lower_case_are_different_tables():
    timestream = made()
    for table in ("Case", "case"):
        names = {"DatabaseName": "db_one", "TableName": table}
        timestream.call("CreateTable", names, NOW)
        timestream.call("WriteRecords", {**names, "Records": [record(table)]}, NOW)
    for table in ("Case", "case"):
        assert [row["device_id"] for row in ask(timestream, f'SELECT * FROM "db_one"."{table}"')] == [table]
    with pytest.raises(ServiceError, match="CASE does not exist"):
        ask(timestream, 'SELECT * FROM "db_one"."CASE"')
    timestream.close(NOW)


def test_a_table_made_again_is_empty(tmp_path):
    timestream = made(tmp_path)
    write(timestream, record())
    assert len(ask(timestream)) == 1
    timestream.call("DeleteTable", NAMES, NOW)
    with pytest.raises(ServiceError, match="does not exist"):
        ask(timestream)
    timestream.call("CreateTable", NAMES, NOW)
    assert ask(timestream) == []
    write(timestream, record(value="2"))
    timestream.close(NOW)
    again = Timestream(tmp_path)
    assert [row["temperature"] for row in ask(again)] == ["2.0"]
    again.close(NOW)


def test_threads_may_write_and_ask_at_once():
    timestream, counts, errors = made(), [], []

    def many(act):
        try:
            for turn in range(20):
                act(turn)
        except Exception as error:
            errors.append(error)

    def one(worker):
        return lambda turn: write(timestream, *(record(f"{worker}-{n}", at=NOW - turn) for n in range(20)))

    def count(_):
        counts.append(int(ask(timestream, 'SELECT count(*) AS n FROM "db_one"."t_one"')[0]["n"]))

    threads = [threading.Thread(target=many, args=(act,)) for act in [one(0), one(1), one(2), count]]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count(0)
    assert errors == []
    assert counts == sorted(counts)
    assert counts[-1] == 3 * 20 * 20
    timestream.close(NOW)


def test_a_closed_service_says_so():
    timestream = made()
    timestream.close(NOW)
    timestream.close(NOW)
    timestream.flush(NOW)
    for operation, request in (
        ("WriteRecords", {**NAMES, "Records": [record()]}),
        ("Query", {"QueryString": SQL}),
    ):
        with pytest.raises(ServiceError, match="has ended"):
            timestream.call(operation, request, NOW)


def test_faults_with_a_seed_strike_the_same_calls():
    def struck(timestream, calls=50):
        found = []
        for call in range(calls):
            try:
                write(timestream, record(at=NOW - call))
            except ServiceError:
                found.append(call)
        return found

    runs = []
    for seed in (7, 7, 8):
        timestream = made()
        timestream.faults.reseed(seed)
        timestream.faults.add(Fault(operation="WriteRecords", kind="internal", probability=0.3))
        runs.append(struck(timestream))
        timestream.close(NOW)
    assert runs[0] == runs[1] != runs[2]
    assert 0 < len(runs[0]) < 50


def test_latency_holds_up_no_other_call():
    timestream = made()
    slow, go = threading.Event(), threading.Event()

    def sleep(seconds):
        assert seconds == 1.5
        slow.set()
        assert go.wait(30)

    timestream.faults.sleep = sleep
    timestream.faults.add(Fault(operation="WriteRecords", kind="latency", seconds=1.5, times=1))
    thread = threading.Thread(target=write, args=(timestream, record("slow")))
    thread.start()
    assert slow.wait(30)
    write(timestream, record("quick"))
    assert [row["device_id"] for row in ask(timestream)] == ["quick"]
    go.set()
    thread.join()
    assert len(ask(timestream)) == 2
    timestream.close(NOW)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b'{"DatabaseName": "db_one", "TableName": "t_one"}', "ValidationException"),
        ({**NAMES, "Records": [{**record(), "Time": 5}]}, "SerializationException"),
        ({**NAMES, "Records": [{**record(), "Version": "5"}]}, "SerializationException"),
        ({**NAMES, "Records": "no"}, "SerializationException"),
        ({**NAMES, "Records": []}, "ValidationException"),
        ({**NAMES, "Records": [5]}, "SerializationException"),
        ({**NAMES, "Records": [record()], "CommonAttributes": {"Dimensions": {}}}, "SerializationException"),
        ({**NAMES, "Records": [{**record(), "Version": 2**63}]}, "ValidationException"),
    ],
    ids=str,
)
def test_bodies_that_no_sdk_would_send(body, code):
    timestream = made()
    with pytest.raises(ServiceError) as caught:
        timestream.call("WriteRecords", body, NOW)
    assert caught.value.code == code
    timestream.close(NOW)


def test_members_that_are_not_known_are_ignored():
    timestream = made()
    write(timestream, {**record(), "Colour": "red"})
    assert len(ask(timestream)) == 1
    timestream.close(NOW)


def test_an_unknown_operation():
    timestream = made()
    with pytest.raises(ServiceError, match="UnknownOperationException: 'Dance'"):
        timestream.call("Dance", {}, NOW)
    timestream.close(NOW)

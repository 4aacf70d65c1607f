"""Timestream's SQL: what is translated, what is shown, what is refused; results as the service types them."""

import re

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from iotstream.local.timestream import ServiceError, Timestream
from iotstream.local.timestream.sql import translate

NOW = 1_734_604_319.5  # 2024-12-19T10:31:59.5Z
NAMES = {"DatabaseName": "iot_timestream_db", "TableName": "iot_table"}


@pytest.fixture(scope="module")
def timestream():
    found = Timestream()
    found.call("CreateDatabase", {"DatabaseName": NAMES["DatabaseName"]}, NOW)
    found.call("CreateTable", NAMES, NOW)
    records = [
        {
            "Dimensions": [{"Name": "device_id", "Value": device}, {"Name": "site", "Value": "s"}],
            "MeasureName": "telemetry",
            "MeasureValueType": "MULTI",
            "MeasureValues": [
                {"Name": "temperature", "Value": temperature, "Type": "DOUBLE"},
                {"Name": "n", "Value": n, "Type": "BIGINT"},
            ],
            "Time": str(int(NOW * 1000) - age_s * 1000),
        }
        for device, temperature, n, age_s in [
            ("a", "1", "1", 10),
            ("a", "3", "2", 70),
            ("b", "5.5", "7", 4000),
        ]
    ]
    found.call("WriteRecords", {**NAMES, "Records": records}, NOW)
    single = {
        "Dimensions": [{"Name": "device_id", "Value": "c"}],
        "MeasureName": "battery",
        "MeasureValueType": "BIGINT",
        "MeasureValue": "80",
        "Time": str(int(NOW * 1000)),
    }
    found.call("CreateTable", {**NAMES, "TableName": "single"}, NOW)
    found.call("WriteRecords", {**NAMES, "TableName": "single", "Records": [single]}, NOW)
    yield found
    found.close(NOW)


@pytest.fixture
def query(timestream):
    def query(sql, **more):
        text = re.sub(r"\bT\b", '"iot_timestream_db"."iot_table"', sql)
        text = re.sub(r"\bS\b", '"iot_timestream_db"."single"', text)
        return timestream.call("Query", {"QueryString": text, **more}, NOW)

    return query


def scalar(data):
    return data.get("ScalarValue")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        # Times
        ("now()", "TIMESTAMP 2024-12-19 10:31:59.500000000"),
        ("current_timestamp", "TIMESTAMP 2024-12-19 10:31:59.500000000"),
        ("current_date", "DATE 2024-12-19"),
        ("current_time", "TIME 10:31:59.500000000"),
        ("ago(90s)", "TIMESTAMP 2024-12-19 10:30:29.500000000"),
        ("ago(7d) + 1h", "TIMESTAMP 2024-12-12 11:31:59.500000000"),
        ("now() - 15m", "TIMESTAMP 2024-12-19 10:16:59.500000000"),
        ("now() - 500MS", "TIMESTAMP 2024-12-19 10:31:59.000000000"),
        ("bin(now(), 1m)", "TIMESTAMP 2024-12-19 10:31:00.000000000"),
        ("bin(now(), 30s)", "TIMESTAMP 2024-12-19 10:31:30.000000000"),
        ("bin(from_nanoseconds(1734604319999999999), 1s)", "TIMESTAMP 2024-12-19 10:31:59.000000000"),
        ("date_trunc('hour', now())", "TIMESTAMP 2024-12-19 10:00:00.000000000"),
        ("date_trunc('day', now())", "TIMESTAMP 2024-12-19 00:00:00.000000000"),
        (
            "from_iso8601_timestamp('2022-06-17T08:04:05.000000000+05:00')",
            "TIMESTAMP 2022-06-17 03:04:05.000000000",
        ),
        ("from_iso8601_timestamp('2022-06-17T08:04:05Z')", "TIMESTAMP 2022-06-17 08:04:05.000000000"),
        ("from_iso8601_timestamp('2022-06-17T08:04:05')", "TIMESTAMP 2022-06-17 08:04:05.000000000"),
        ("from_iso8601_date('2022-06-17')", "DATE 2022-06-17"),
        ("from_milliseconds(1734604200123)", "TIMESTAMP 2024-12-19 10:30:00.123000000"),
        ("from_nanoseconds(1734604200123456789)", "TIMESTAMP 2024-12-19 10:30:00.123456789"),
        ("to_milliseconds(now())", "BIGINT 1734604319500"),
        ("to_nanoseconds(now())", "BIGINT 1734604319500000000"),
        ("to_iso8601(now())", "VARCHAR 2024-12-19T10:31:59.500000000Z"),
        ("date_diff('minute', ago(2h), now())", "BIGINT 120"),
        ("date_add('hour', 2, now())", "TIMESTAMP 2024-12-19 12:31:59.500000000"),
        ("year(now())", "BIGINT 2024"),
        ("hour(now())", "BIGINT 10"),
        ("now() - ago(25h)", "INTERVAL_DAY_TO_SECOND 1 01:00:00.000000000"),
        ("cast('2024-01-01 00:00:00' AS timestamp)", "TIMESTAMP 2024-01-01 00:00:00.000000000"),
        # Numbers and text
        ("5 / 2", "INTEGER 2"),
        ("count(*) / 2", "BIGINT 1"),
        ("sum(n)", "BIGINT 10"),
        ("sum(temperature)", "DOUBLE 9.5"),
        ("avg(n)", "DOUBLE 3.3333333333333335"),
        ("max(temperature) / 2", "DOUBLE 2.75"),
        ("min(temperature) < 2", "BOOLEAN true"),
        ("approx_distinct(device_id)", "BIGINT 2"),
        ("max_by(device_id, temperature)", "VARCHAR b"),
        ("max_by(device_id, time)", "VARCHAR a"),
        ("sqrt(-0.0) = 0", "BOOLEAN true"),
        ("nan()", "DOUBLE NaN"),
        ("-infinity()", "DOUBLE -Infinity"),
        ("1.5", "DOUBLE 1.5"),
        ("'1h' || '-- 2d'", "VARCHAR 1h-- 2d"),
        ("CASE WHEN true THEN 'x' END", "VARCHAR x"),
        ("nullif(1, 1)", None),
    ],
)
def test_expressions(query, sql, expected):
    answer = query(f"SELECT {sql} AS x FROM T LIMIT 1")
    ((value,),) = (row["Data"] for row in answer["Rows"])
    (column,) = answer["ColumnInfo"]
    assert column["Name"] == "x"
    if expected is None:
        assert value == {"NullValue": True}
    else:
        assert f"{column['Type']['ScalarType']} {value['ScalarValue']}" == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT device_id FROM T WHERE time > ago(1m)", [["a"]]),
        (
            "SELECT device_id, time FROM T WHERE time BETWEEN ago(15m) AND ago(30s)",
            [["a", "2024-12-19 10:30:49.500000000"]],
        ),
        ("SELECT count(*) FROM T WHERE time > ago(1h) /* not 2h */ -- nor 3d", [["2"]]),
        (
            (
                "SELECT bin(time, 1h) AS hour, round(avg(temperature), 1) AS mean FROM T "
                "GROUP BY bin(time, 1h) ORDER BY hour"
            ),
            [["2024-12-19 09:00:00.000000000", "5.5"], ["2024-12-19 10:00:00.000000000", "2.0"]],
        ),
        (
            "SELECT bin(time, 1h) AS h, device_id FROM T GROUP BY 1, 2 ORDER BY 1 DESC LIMIT 1",
            [["2024-12-19 10:00:00.000000000", "a"]],
        ),
        ("WITH x AS (SELECT * FROM T WHERE n > 1) SELECT count(*) FROM x", [["2"]]),
        ("SELECT a.n FROM T a JOIN T b ON a.n = b.n WHERE a.device_id = 'b'", [["7"]]),
        ('SELECT "iot_timestream_db"."iot_table".n FROM T ORDER BY 1 LIMIT 1', [["1"]]),
        ("SELECT iot_table.n FROM T ORDER BY n LIMIT 1", [["1"]]),
        (
            (
                "SELECT device_id, row_number() OVER (PARTITION BY device_id ORDER BY time DESC) AS r "
                "FROM T ORDER BY 1, 2"
            ),
            [["a", "1"], ["a", "2"], ["b", "1"]],
        ),
        (
            "SELECT device_id, n - lag(n) OVER (ORDER BY time) AS step FROM T ORDER BY time",
            [["b", None], ["a", "-5"], ["a", "-1"]],
        ),
        ("SELECT count(*) FROM (SELECT n FROM T UNION ALL SELECT n FROM T)", [["6"]]),
        ("SELECT measure_value::bigint FROM S WHERE measure_name = 'battery'", [["80"]]),
        ('SELECT s."measure_value::bigint", s.measure_value::bigint FROM S AS s', [["80", "80"]]),
        ("SELECT 1", [["1"]]),
        ("SELECT DISTINCT site FROM T;", [["s"]]),
        ("SHOW DATABASES", [["iot_timestream_db"]]),
        ("show databases like 'nothing%'", []),
        ("SHOW TABLES", [["iot_table"], ["single"]]),
        ("SHOW TABLES FROM \"iot_timestream_db\" LIKE 'iot%';", [["iot_table"]]),
        (
            "DESCRIBE iot_timestream_db.iot_table",
            [
                ["device_id", "varchar", "DIMENSION"],
                ["site", "varchar", "DIMENSION"],
                ["measure_name", "varchar", "MEASURE_NAME"],
                ["time", "timestamp", "TIMESTAMP"],
                ["temperature", "double", "MULTI"],
                ["n", "bigint", "MULTI"],
            ],
        ),
        (
            'describe "iot_timestream_db"."single"',
            [
                ["device_id", "varchar", "DIMENSION"],
                ["measure_name", "varchar", "MEASURE_NAME"],
                ["time", "timestamp", "TIMESTAMP"],
                ["measure_value::bigint", "bigint", "MEASURE_VALUE"],
            ],
        ),
    ],
)
def test_statements(query, sql, expected):
    rows = query(sql)["Rows"]
    assert [[scalar(data) for data in row["Data"]] for row in rows] == expected


def test_the_columns_come_in_the_services_order(query):
    answer = query("SELECT * FROM T LIMIT 10")
    assert [(one["Name"], one["Type"]["ScalarType"]) for one in answer["ColumnInfo"]] == [
        ("device_id", "VARCHAR"),
        ("site", "VARCHAR"),
        ("measure_name", "VARCHAR"),
        ("time", "TIMESTAMP"),
        ("temperature", "DOUBLE"),
        ("n", "BIGINT"),
    ]


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT count(*), n, max(n) AS most FROM T GROUP BY n", ["_col0", "n", "most"]),
        ("SELECT site, bin(time, 1h), T.n FROM T".replace("T.n", "iot_table.n"), ["site", "_col1", "n"]),
        ("(SELECT n + 1 FROM T) UNION SELECT n FROM T", ["_col0"]),
        ("WITH x AS (SELECT 1 AS one) SELECT one, -one FROM x", ["one", "_col1"]),
        ("SELECT measure_value::bigint FROM S", ["measure_value::bigint"]),
        ("SELECT 'text'", ["_col0"]),
    ],
)
def test_columns_without_a_name(query, sql, names):
    assert [one["Name"] for one in query(sql)["ColumnInfo"]] == names


def test_an_empty_table_has_its_columns(timestream):
    timestream.call("CreateTable", {**NAMES, "TableName": "empty"}, NOW)
    answer = timestream.call("Query", {"QueryString": "SELECT * FROM iot_timestream_db.empty"}, NOW)
    assert [one["Name"] for one in answer["ColumnInfo"]] == ["measure_name", "time"]
    assert answer["Rows"] == []
    timestream.call("DeleteTable", {**NAMES, "TableName": "empty"}, NOW)


def test_measures_are_shown_with_their_dimensions(query):
    answer = query("SHOW MEASURES FROM T")
    assert [one["Name"] for one in answer["ColumnInfo"]] == ["measure_name", "data_type", "dimensions"]
    row = {
        "RowColumnInfo": [
            {"Name": n, "Type": {"ScalarType": "VARCHAR"}} for n in ("dimension_name", "data_type")
        ]
    }
    assert answer["ColumnInfo"][2]["Type"] == {"ArrayColumnInfo": {"Type": row}}
    ((name, kind, dimensions),) = (row["Data"] for row in answer["Rows"])
    assert (name, kind) == ({"ScalarValue": "telemetry"}, {"ScalarValue": "multi"})
    assert [[scalar(one) for one in row["RowValue"]["Data"]] for row in dimensions["ArrayValue"]] == [
        ["device_id", "varchar"],
        ["site", "varchar"],
    ]
    assert query("SHOW MEASURES FROM S LIKE 'bat%'")["Rows"][0]["Data"][1] == {"ScalarValue": "bigint"}


def test_arrays(query):
    answer = query("SELECT array_agg(n ORDER BY n) AS x FROM T")
    assert answer["ColumnInfo"][0]["Type"] == {"ArrayColumnInfo": {"Type": {"ScalarType": "BIGINT"}}}
    assert answer["Rows"][0]["Data"][0] == {"ArrayValue": [{"ScalarValue": one} for one in "127"]}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT * FROM iot_timestream_db LIMIT 10", "iot_timestream_db needs its database"),
        ('SELECT * FROM "iot_timestream_db"."nothing"', "table nothing does not exist"),
        ('SELECT * FROM "nowhere"."iot_table"', "database nowhere does not exist"),
        ("SELECT * FROM x.iot_timestream_db.iot_table", '"database"."table"'),
        ("SELECT nothing FROM T", "nothing"),
        ("SELECT nothing(n) FROM T", "nothing"),
        ("SELECT create_time_series(time, n) FROM T", "create_time_series"),
        ("nonsense", "One SELECT"),
        ("SELECT FROM WHERE", "can't be read"),
        ("", "length >= 1"),
        (" ", "One SELECT"),
        ("SELECT 1; SELECT 2", "One SELECT"),
        ("SELECT bin(time) FROM T", "bin takes 2 arguments, not 1"),
        ("SELECT * FROM T WHERE time > ago()", "ago takes 1 argument, not 0"),
        ("DROP TABLE T", "only read"),
        ("DELETE FROM T", "only read"),
        ("INSERT INTO T SELECT * FROM T", "only read"),
        ("UPDATE T SET n = 1", "only read"),
        ("COPY T TO '/tmp/x'", "only read"),
        ("ATTACH '/tmp/x.db'", "can't be read"),
        ("SET TimeZone = 'UTC'", "only read"),
        ("PRAGMA database_list", "only read"),
        ("SELECT * FROM read_csv('/etc/passwd')", "queries read tables only"),
        ("SELECT * FROM read_text('/etc/passwd') AS t", "queries read tables only"),
        ("SELECT * FROM '/etc/passwd'", "."),
        ("SELECT * FROM duckdb_settings()", "queries read tables only"),
        ("SELECT * FROM information_schema.tables", "information_schema does not exist"),
        ("SELECT * FROM state", "needs its database"),
        ("SELECT * FROM main.state", "main does not exist"),
        ('SELECT * FROM points."1"', "points does not exist"),
        ('SELECT * FROM tables."1"', "tables does not exist"),
        ("SELECT ts_version FROM T", "ts_version"),
        ("SHOW MEASURES", "SHOW DATABASES, SHOW TABLES"),
        ("SHOW TABLES FROM nowhere", "nowhere does not exist"),
        ("DESCRIBE iot_timestream_db.nothing", "nothing does not exist"),
        ("DESCRIBE iot_timestream_db", "DESCRIBE database.table"),
        ("SELECT '" + "x" * 262_144 + "'", "262144 bytes"),
    ],
    ids=lambda text: text[:50],
)
def test_what_is_refused_says_why(query, sql, reason):
    with pytest.raises(ServiceError) as caught:
        query(sql)
    assert caught.value.code == "ValidationException"
    assert reason in caught.value.message
    assert "\n" not in caught.value.message


def test_files_can_not_be_read_by_any_function(query, tmp_path):
    secret = tmp_path / "secret.csv"
    secret.write_text("a,b\n1,2\n")
    for sql in (f'SELECT * FROM "{secret}"', f"SELECT (SELECT content FROM read_text('{secret}'))"):
        with pytest.raises(ServiceError):
            query(sql)


@given(st.text(alphabet="1hdms 'x-/*\n", max_size=12))
def test_literals_stay_as_they_are(text):
    literal = text.replace("'", "''")
    tree = sqlglot.parse_one(translate(f"SELECT '{literal}' AS x", NOW, lambda *_: ""), read="duckdb")
    assert tree.selects[0].this.this == text


# --- Pages ---


def page(query, **more):
    return query("SELECT n FROM T ORDER BY n", MaxRows=1, **more)


def numbers(answer):
    return [scalar(row["Data"][0]) for row in answer["Rows"]]


def test_pages_follow_each_other(query):
    first = page(query)
    second = page(query, NextToken=first["NextToken"])
    third = page(query, NextToken=second["NextToken"])
    assert [numbers(one) for one in (first, second, third)] == [["1"], ["2"], ["7"]]
    assert first["QueryId"] == second["QueryId"] == third["QueryId"]
    assert "NextToken" not in third
    assert second["ColumnInfo"] == first["ColumnInfo"]


def test_the_same_token_gives_the_same_page_five_times(query):
    first = page(query)
    for _ in range(5):
        again = page(query, NextToken=first["NextToken"])
        assert numbers(again) == ["2"]
    with pytest.raises(ServiceError, match="5 times"):
        page(query, NextToken=first["NextToken"])
    page(query, NextToken=again["NextToken"])
    with pytest.raises(ServiceError, match="a later one"):
        page(query, NextToken=first["NextToken"])


@pytest.mark.parametrize("token", ["x", "x-1", "-1", "{id}-2", "{id}--1", "{id}-²"])
def test_tokens_that_were_never_given(query, token):
    first = page(query)
    with pytest.raises(ServiceError, match="Invalid pagination token"):
        page(query, NextToken=token.format(id=first["QueryId"]))


def test_a_token_belongs_to_its_query_and_to_its_hour(timestream, query):
    token = page(query)["NextToken"]
    with pytest.raises(ServiceError, match="Invalid pagination token"):
        query("SELECT n FROM T", NextToken=token)
    sql = 'SELECT n FROM "iot_timestream_db"."iot_table" ORDER BY n'
    with pytest.raises(ServiceError, match="Invalid pagination token"):
        timestream.call("Query", {"QueryString": sql, "NextToken": token}, NOW + 3601)
    assert timestream.call("Query", {"QueryString": sql, "NextToken": token}, NOW + 3599)["Rows"]


def test_a_cancelled_query_has_no_more_pages(timestream, query):
    first = page(query)
    said = timestream.call("CancelQuery", {"QueryId": first["QueryId"]}, NOW)["CancellationMessage"]
    assert first["QueryId"] in said
    assert timestream.call("CancelQuery", {"QueryId": first["QueryId"]}, NOW)["CancellationMessage"] != said
    with pytest.raises(ServiceError) as caught:
        page(query, NextToken=first["NextToken"])
    assert caught.value.code == "ConflictException"
    with pytest.raises(ServiceError, match="no query ABC"):
        timestream.call("CancelQuery", {"QueryId": "ABC"}, NOW)


def test_later_points_do_not_change_pages_that_wait(timestream, query):
    first = page(query)
    extra = {
        "Dimensions": [{"Name": "device_id", "Value": "late"}],
        "MeasureName": "telemetry",
        "MeasureValueType": "MULTI",
        "MeasureValues": [{"Name": "n", "Value": "2", "Type": "BIGINT"}],
        "Time": str(int(NOW * 1000)),
    }
    table = {**NAMES, "TableName": "later"}
    timestream.call("CreateTable", table, NOW)
    timestream.call("WriteRecords", {**table, "Records": [extra]}, NOW)
    sql = 'SELECT n FROM "iot_timestream_db"."later"'
    ask = {"QueryString": sql}
    assert len(timestream.call("Query", ask, NOW)["Rows"]) == 1
    assert numbers(page(query, NextToken=first["NextToken"])) == ["2"]
    timestream.call("DeleteTable", table, NOW)


@pytest.mark.parametrize("size", [0, 1001])
def test_the_size_of_pages_has_bounds(query, size):
    with pytest.raises(ServiceError, match=r"MaxRows"):
        query("SELECT n FROM T", MaxRows=size)

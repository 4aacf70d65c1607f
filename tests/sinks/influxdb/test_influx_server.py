"""The sink against real servers: InfluxDB 1.6.7, and 2.7 where it is built."""

import itertools
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import example, given, settings
from influx_rows import FIELDS, HARD, SCHEMA, TAGS, batch_of, held, is_refused, moment, rows_strategy
from influxd import PASSWORD, USER, Influxd, Influxd2, find, points

import iotstream
import needs
from iotstream.batch import Batch
from iotstream.errors import SinkUnavailable
from iotstream.sinks.influxdb import InfluxSettings, InfluxSink

QUICK = {"deadline_s": 30.0, "base_s": 0.01, "cap_s": 0.1}
NOW = int(time.time() * 1000)
numbers = itertools.count()


class World:
    """A server, and a sink for each new database in it."""

    def __init__(self, server):
        self.server = server
        self.sinks = []

    def database(self, retention_s=0):
        name = f"db{next(numbers)}"
        if isinstance(self.server, Influxd2):
            self.server.create_bucket(name, retention_s)
        else:
            duration = f" WITH DURATION {retention_s}s SHARD DURATION 1h" if retention_s else ""
            self.server.query(f"CREATE DATABASE {name}{duration}")
        return name

    def sink(self, database, schema=SCHEMA, **more):
        chosen = {"url": self.server.url, "database": database, **QUICK, **self.credentials(), **more}
        self.sinks.append(InfluxSink(schema, InfluxSettings(**chosen)))
        return self.sinks[-1]

    def credentials(self):
        if isinstance(self.server, Influxd2):
            return {"version": "v2", "org": self.server.org, "token": self.server.token}
        return {"version": "v1"}

    @property
    def version(self):
        return self.credentials()["version"]

    def stored(self, database):
        """Fields by (tags, time), as the server has them."""
        found = {}
        for point in points(self.server.query('SELECT * FROM "every_type"', database)):
            tags = tuple((key, point[key]) for key in TAGS if key in point)
            # A float may come as a number without a point.
            floats = {key: float(point[key]) for key in ("level", "ratio") if key in point}
            found[tags, point["time"]] = {key: point[key] for key in FIELDS if key in point} | floats
        return found


@pytest.fixture(params=["influxd", "influxd2"])
def world(request):
    one = World(request.getfixturevalue(request.param))
    yield one
    for sink in one.sinks:
        sink.close()


def row(index, **more):
    return {"at": moment(NOW + index), "device": f"d{index % 7}", "level": index / 4, **more}


@pytest.mark.parametrize("compressed", [True, False])
def test_rows_are_there(world, compressed):
    database = world.database()
    rows = [row(index, count=index, on=index % 2 == 0, note=f"n {index}") for index in range(2500)]
    sink = world.sink(database, gzip=compressed, lines_per_call=1000)
    for _ in range(2):  # again changes nothing
        assert len(sink.write(batch_of(rows))) == 0
    assert world.stored(database) == held(rows, world.version)
    assert sink.points == 5000


def test_any_text_is_read_back(world):
    """Each example gets a database of its own: types of fields are forever."""

    @settings(max_examples=60)
    @given(rows_strategy)
    @example(
        [row(index, site=one, device=f"a{one}b", note=f"{one}\n{one}") for index, one in enumerate(HARD)]
    )
    @example([row(0, site='a\\"b c', device='x=y," z', note='"\\\\"'), row(1)])
    def check(rows):
        database = world.database()
        rejects = world.sink(database).write(batch_of(rows))
        assert [one.record for one in rejects] == [
            index for index, one in enumerate(rows) if is_refused(one, world.version)
        ]
        assert world.stored(database) == held(rows, world.version)
        world.sinks.pop().close()
        if isinstance(world.server, Influxd):
            world.server.query(f"DROP DATABASE {database}")

    check()


def retyped(rows, kind):
    """The rows, their level of another type; and the schema that has it so."""
    batch = batch_of(rows)
    level = batch.data.column("level").cast(kind)
    table = batch.data.set_column(batch.data.column_names.index("level"), "level", level)
    schema = iotstream.Schema.parse(SCHEMA.text.replace('type = "float64"', f'type = "{kind}"', 1))
    return schema, Batch(data=table, span=batch.span, records=len(rows))


def test_a_field_of_another_type_is_refused_and_the_others_are_written(world):
    database = world.database()
    first = row(-1)
    assert len(world.sink(database).write(batch_of([first]))) == 0
    rows = [row(index, level=index if index % 100 == 7 else None, count=1) for index in range(1000)]
    schema, batch = retyped(rows, "int64")
    sink = world.sink(database, schema)
    rejects = sink.write(batch)
    assert [one.record for one in rejects] == list(range(7, 1000, 100))
    assert all("type" in one.detail and "level" in one.detail for one in rejects)
    good = [one for index, one in enumerate(rows) if index % 100 != 7]
    assert world.stored(database) == held([first, *good], world.version)
    assert sink.points == 990


def test_all_of_another_type_are_refused_by_few_calls(world):
    database = world.database()
    world.sink(database).write(batch_of([row(0)]))
    schema, batch = retyped([row(index) for index in range(3000)], "string")
    sink = world.sink(database, schema, in_flight=1, lines_per_call=1000)
    call, calls = sink._sender._client.call, []
    sink._sender._client.call = lambda body: (calls.append(len(body)), call(body))[1]
    assert len(sink.write(batch)) == 3000
    assert calls == [1000] * 3


def test_points_beyond_the_retention_are_refused(world):
    database = world.database(retention_s=3600)
    old = {5, 6, 700}
    rows = [row(index - 86_400_000 * (index in old)) for index in range(1000)]
    rejects = world.sink(database).write(batch_of(rows))
    assert [one.record for one in rejects] == sorted(old)
    assert all("retention" in one.detail.lower() for one in rejects)
    assert len(world.stored(database)) == 997


def test_a_series_name_beyond_the_limit_is_refused(world):
    database = world.database()
    rows = [row(index, site="x" * 70_000 if index == 3 else "s") for index in range(20)]
    (one,) = world.sink(database).write(batch_of(rows))
    assert one.record == 3
    assert len(one.detail) < 1000
    assert len(world.stored(database)) == 19


def test_of_two_writes_the_later_one_stays_field_by_field(world):
    database = world.database()
    sink = world.sink(database)
    sink.write(batch_of([row(0, count=1, note="first")]))
    sink.write(batch_of([row(0, count=2)]))
    (fields,) = world.stored(database).values()
    assert fields == {"level": 0.0, "count": 2, "note": "first"}


def test_a_database_that_is_not_there(world):
    with pytest.raises(SinkUnavailable, match=r"404.*nowhere.*create the database"):
        world.sink("nowhere").write(batch_of([row(0)]))


def test_a_large_text_and_many_bytes(world):
    database = world.database()
    rows = [row(index, note="é" * 30_000) for index in range(200)]
    assert len(world.sink(database).write(batch_of(rows))) == 0
    assert world.stored(database) == held(rows, world.version)


def test_a_wrong_token_of_v2(influxd2):
    world = World(influxd2)
    sink = world.sink(influxd2.bucket, token="other")
    with pytest.raises(SinkUnavailable, match=r"401.*check influxdb\.token"):
        sink.write(batch_of([row(0)]))
    sink.close()


def test_users_and_a_small_body_of_v1(tmp_path):
    if find() is None:
        needs.missing("influxd is not installed (scripts/install-influxdb)")
    server = Influxd(tmp_path, auth=True, max_body_size=20_000)
    world = World(server)
    try:
        database = world.database()
        rows = [row(index, note="x" * 100) for index in range(2000)]
        sink = world.sink(database, username=USER, password=PASSWORD, gzip=False)
        assert len(sink.write(batch_of(rows))) == 0
        assert world.stored(database) == held(rows, "v1")
        (one,) = sink.write(batch_of([row(0, note="x" * 30_000)]))
        assert "413" in one.detail
        with pytest.raises(SinkUnavailable, match=r"401.*check influxdb\.token"):
            world.sink(database, username=USER, password="other").write(batch_of([row(0)]))
    finally:
        for sink in world.sinks:
            sink.close()
        server.close()


def test_a_server_that_comes_back(tmp_path):
    """What could not be sent while it was away is sent when it is back, if that is before the deadline."""
    if find() is None:
        needs.missing("influxd is not installed (scripts/install-influxdb)")
    server = Influxd(tmp_path)
    world = World(server)
    database, port = world.database(), server.port
    server.close()
    with pytest.raises(SinkUnavailable, match=f"InfluxDB database {database} at {server.url}"):
        world.sink(database, deadline_s=0.3).write(batch_of([row(0)]))
    with ThreadPoolExecutor(1) as pool:
        written = pool.submit(world.sink(database).write, batch_of([row(0)]))
        time.sleep(0.5)
        assert not written.done()
        world.server = server = Influxd(tmp_path, port=port)
        try:
            assert len(written.result(30)) == 0
            assert world.stored(database) == held([row(0)], "v1")
        finally:
            server.close()
    for sink in world.sinks:
        sink.close()

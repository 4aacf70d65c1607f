"""Against the real local Kinesis, over HTTP."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kinesis_stand
from iotstream.errors import ConfigurationError, RangeExpired, StreamUnavailable
from iotstream.position import Position
from iotstream.retry import Backoff
from iotstream.stream_calls import Cursor, Start, page_of, parse_pages
from iotstream.stream_reader import StreamReader
from iotstream.testing import kpl_aggregate
from kinesis_stand import Stand

SHARD = "shardId-000000000000"
QUICK = Backoff(base_s=0.001, cap_s=0.002, deadline_s=0.05)
DAY_S = 86_400


class Slept:
    """Sleeps that move the stream's clock instead of waiting."""

    def __init__(self, stand):
        self._stand = stand
        self.seconds = []

    def __call__(self, seconds):
        self.seconds.append(seconds)
        self._stand.clock.advance(seconds)


@pytest.fixture
def make_stand():
    made = []

    def make(**how):
        made.append(Stand(**how))
        return made[-1]

    yield make
    for stand in made:
        stand.close()


@pytest.fixture
def stand(make_stand):
    return make_stand()


def reader_of(stand, backoff=QUICK):
    return StreamReader(stand.client, backoff=backoff, sleep=Slept(stand), clock=stand.clock)


@pytest.fixture
def reader(stand):
    return reader_of(stand)


def flat(batches):
    """(position, payload) of every record."""
    return [
        (batch.position(index), batch.payloads[index]) for batch in batches for index in range(len(batch))
    ]


def positions(numbers):
    return [Position(number) for number in numbers]


class TestDescriptions:
    def test_a_stream_by_name_and_by_arn(self, stand, reader):
        by_name = reader.describe("s")

        assert by_name == reader.describe(stand.arn)
        assert by_name.name == "s"
        assert by_name.arn == stand.arn
        assert by_name.retention_ms == DAY_S * 1000
        assert abs(by_name.created_ms / 1000 - stand.clock()) < 60

    def test_shards_with_parents_and_ends(self, make_stand):
        stand = make_stand(shards=2)
        stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**126))
        for ids in itertools.pairwise(("shardId-000000000001", "shardId-000000000003")):
            stand.call("MergeShards", ShardToMerge=ids[1], AdjacentShardToMerge=ids[0])

        shards = {one.shard_id[-1]: one for one in reader_of(stand).shards(stand.arn)}

        assert {key: [p[-1] for p in one.parents] for key, one in shards.items()} == {
            "0": [],
            "1": [],
            "2": ["0"],
            "3": ["0"],
            "4": ["3", "1"],
        }
        assert {key for key, one in shards.items() if one.ending is None} == {"2", "4"}
        assert shards["0"].starting < shards["0"].ending < shards["2"].starting

    def test_shards_over_several_pages(self, make_stand):
        assert len(reader_of(make_stand(shards=1_005)).shards("s")) == 1_005


class TestRange:
    def test_exactly_the_range(self, stand, reader):
        payloads = [b"%d" % index for index in range(50)]
        numbers = stand.put(*payloads)

        read = flat(reader.read_range("s", SHARD, Position(numbers[10]), Position(numbers[30])))

        assert read == list(zip(positions(numbers), payloads, strict=True))[10:31]

    def test_of_one_record_and_by_arn(self, stand, reader):
        numbers = stand.put(b"a", b"b", b"c")

        (batch,) = reader.read_range(stand.arn, SHARD, Position(numbers[1]), Position(numbers[1]))

        assert list(batch.payloads) == [b"b"]
        assert (batch.stream, batch.shard_id) == ("s", SHARD)
        assert abs(batch.arrival_ms[0].as_py() / 1000 - stand.clock()) < 60

    def test_arrival_times_to_the_millisecond(self, stand, reader):
        stand.put(b"a")
        (record,) = stand.kinesis.account.streams["s"].shard(SHARD).log.read(0, 1, 1)[0]

        (batch,) = reader.read_retained("s", SHARD)

        assert batch.arrival_ms.to_pylist() == [round(record.ApproximateArrivalTimestamp * 1000)]

    @settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_cut_anywhere_also_within_aggregates(self, make_stand, data):
        sizes = data.draw(st.lists(st.integers(0, 4), min_size=1, max_size=8))
        stand = make_stand()
        expected = []
        for index, size in enumerate(sizes):
            users = [b"%d.%d" % (index, sub) for sub in range(size)]
            payload = kpl_aggregate(users) if size else b"plain %d" % index
            (number,) = stand.put(payload)
            expected += [(Position(number, sub), user) for sub, user in enumerate(users or [payload])]
        first = data.draw(st.integers(0, len(expected) - 1))
        last = data.draw(st.integers(first, len(expected) - 1))

        read = list(reader_of(stand).read_range("s", SHARD, expected[first][0], expected[last][0]))

        assert flat(read) == expected[first : last + 1]
        assert all(batch.deaggregated for batch in read)

    def test_over_several_pages(self, stand, reader):
        numbers = stand.put(*(b"x" for _ in range(25_000)))

        batches = list(reader.read_range("s", SHARD, Position(numbers[5]), Position(numbers[-5])))

        assert len(batches) == 3
        assert [position for position, _ in flat(batches)] == positions(numbers[5:-4])

    def test_of_a_closed_shard(self, stand, reader):
        numbers = stand.put(b"a", b"b")
        stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))

        read = flat(reader.read_range("s", SHARD, *positions(numbers)))

        assert [payload for _, payload in read] == [b"a", b"b"]


class TestGone:
    def test_the_first_record_has_expired(self, stand, reader):
        old = stand.put(b"old")
        stand.clock.advance(DAY_S - 10)
        new = stand.put(b"new")
        stand.clock.advance(20)

        with pytest.raises(RangeExpired, match=rf"{old[0]} to {new[0]} of {SHARD}.*'s'.*oldest"):
            list(reader.read_range("s", SHARD, Position(old[0]), Position(new[0])))

        assert reader.oldest("s", SHARD) == Position(new[0])

    def test_all_has_expired(self, stand, reader):
        numbers = stand.put(b"a", b"b")
        stand.clock.advance(DAY_S + 1)

        with pytest.raises(RangeExpired, match="ends before"):
            list(reader.read_range("s", SHARD, *positions(numbers)))

    def test_records_that_expire_while_the_range_is_read(self, stand, reader):
        numbers = stand.put(*(b"x" for _ in range(10_000)))
        stand.clock.advance(DAY_S - 1000)
        numbers += stand.put(*(b"x" for _ in range(15_000)))
        reading = reader.read_range("s", SHARD, Position(numbers[0]), Position(numbers[-1]))
        assert len(next(reading)) == 10_000

        stand.clock.advance(1001)

        with pytest.raises(RangeExpired, match="while it was read"):
            list(reading)

    @pytest.mark.parametrize(
        ("first", "last", "why"),
        [
            ((0, 3), (2, 0), "oldest"),
            ((0, 0), (0, 2), "last record is not there"),
            ((0, 0), (2, 5), "ends before"),
            ((0, 0), (3, 0), "ends before"),
        ],
    )
    def test_ends_that_are_not_there(self, stand, reader, first, last, why):
        numbers = stand.put(kpl_aggregate([b"a", b"b"]), b"c", kpl_aggregate([b"d", b"e"]))
        numbers.append(numbers[-1] + 1)
        ends = [Position(numbers[index], sub) for index, sub in (first, last)]

        with pytest.raises(RangeExpired, match=why):
            list(reader.read_range("s", SHARD, *ends))

    def test_the_last_was_never_in_a_closed_shard(self, stand, reader):
        numbers = stand.put(b"a")
        stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))

        with pytest.raises(RangeExpired, match="ends before"):
            list(reader.read_range("s", SHARD, Position(numbers[0]), Position(numbers[0] + 1)))

    def test_a_sequence_number_of_another_stream(self, stand, reader):
        with pytest.raises(RangeExpired, match="did not come from this shard"):
            list(reader.read_range("s", SHARD, Position(1), Position(2)))

    def test_a_shard_that_is_gone(self, stand, reader):
        (number,) = stand.put(b"a")
        missing = "shardId-000000000009"

        with pytest.raises(RangeExpired, match=f"{missing}.*does not exist"):
            list(reader.read_range("s", missing, Position(number), Position(number)))
        with pytest.raises(RangeExpired, match=f"the records of {missing}"):
            list(reader.read_retained("s", missing))
        assert reader.oldest("s", missing) is None


class TestRetained:
    def test_from_the_oldest_to_the_tip(self, stand, reader):
        stand.put(b"gone")
        stand.clock.advance(DAY_S - 10)
        numbers = stand.put(b"a", kpl_aggregate([b"b", b"c"]))
        stand.clock.advance(20)

        assert flat(reader.read_retained("s", SHARD)) == [
            (Position(numbers[0]), b"a"),
            (Position(numbers[1]), b"b"),
            (Position(numbers[1], 1), b"c"),
        ]

    def test_after_a_position_in_an_aggregate(self, stand, reader):
        numbers = stand.put(b"a", kpl_aggregate([b"b", b"c"]), b"d")

        read = flat(reader.read_retained("s", SHARD, after=Position(numbers[1])))

        assert [payload for _, payload in read] == [b"c", b"d"]
        assert flat(reader.read_retained("s", SHARD, after=Position(numbers[2]))) == []

    def test_a_closed_shard_to_its_end(self, stand, reader):
        numbers = stand.put(*(b"x" for _ in range(10_001)))
        stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))

        assert [position for position, _ in flat(reader.read_retained("s", SHARD))] == positions(numbers)

    def test_an_empty_shard(self, stand, reader):
        assert list(reader.read_retained("s", SHARD)) == []
        assert reader.oldest("s", SHARD) is None


class TestTroubles:
    @pytest.mark.parametrize(
        "fault",
        [
            {"error": "ProvisionedThroughputExceededException"},
            {"error": "LimitExceededException"},
            {"error": "InternalFailureException"},
            {"error": "ServiceUnavailable"},
            {"error": "ConnectionLost"},
            {"error": "ExpiredIteratorException"},
        ],
    )
    @pytest.mark.parametrize("operation", ["GetRecords", "GetShardIterator", "ListShards"])
    def test_passing_ones_are_tried_again(self, stand, reader, operation, fault):
        numbers = stand.put(b"a", b"b")
        stand.fault(operation, count=3, **fault)

        assert len(flat(reader.read_range("s", SHARD, *positions(numbers)))) == 2
        assert len(reader.shards("s")) == 1
        assert [fault["struck"] for fault in stand.kinesis.faults.report()] == [3]

    @pytest.mark.parametrize("error", ["ServiceUnavailable", "ConnectionLost", "ExpiredIteratorException"])
    def test_until_the_deadline(self, stand, reader, error):
        stand.put(b"a")
        stand.fault("GetRecords", error=error)

        with pytest.raises(StreamUnavailable, match=r"'s': reading shardId-0.*retry\.deadline_s"):
            list(reader.read_retained("s", SHARD))

    def test_an_iterator_that_expires_between_pages(self, stand, reader):
        numbers = stand.put(*(b"x" for _ in range(20_001)))
        reading = reader.read_range("s", SHARD, Position(numbers[0]), Position(numbers[-1]))
        batches = [next(reading)]
        stand.clock.advance(301)

        batches += reading

        assert [position for position, _ in flat(batches)] == positions(numbers)

    def test_within_the_service_limits(self, make_stand):
        """Five calls and 2 MB a second: the clock stands still except for the reader's sleeps."""
        stand = make_stand(limits=True)
        stand.clock.advance(10)
        numbers = []
        for _ in range(24):
            numbers += stand.put(*(b"x" * 1_000 for _ in range(500)))
            stand.clock.advance(1)
        reader = reader_of(stand, Backoff(base_s=1, cap_s=5, deadline_s=60))

        assert len(flat(reader.read_retained("s", SHARD))) == len(numbers)

    def test_calls_are_paced(self, make_stand):
        stand = make_stand(limits=True)
        slept = Slept(stand)
        reader = StreamReader(
            stand.client, backoff=QUICK, sleep=slept, clock=lambda: 100 + sum(slept.seconds)
        )

        for _ in range(20):
            reader.oldest("s", SHARD)
            stand.clock.advance(0.2)  # GetShardIterator has a limit of its own

        assert slept.seconds == pytest.approx([0.2] * 19)

    def test_a_stream_that_is_not_there(self, reader):
        for call in (
            lambda: reader.describe("other"),
            lambda: reader.shards("other"),
            lambda: list(reader.read_retained("other", SHARD)),
            lambda: list(reader.read_range("other", SHARD, Position(1), Position(2))),
        ):
            with pytest.raises(StreamUnavailable, match=r"'other'.*stream\.name") as caught:
                call()
            assert not isinstance(caught.value, RangeExpired)

    def test_no_right_to_it(self, stand, reader):
        stand.fault("GetRecords", error="AccessDeniedException", message="not authorized")

        with pytest.raises(StreamUnavailable, match=r"not authorized.*kinesis:DescribeStreamSummary"):
            list(reader.read_retained("s", SHARD))

    def test_nobody_listens(self):
        reader = StreamReader(kinesis_stand.client("http://127.0.0.1:1"), backoff=QUICK)

        with pytest.raises(StreamUnavailable, match="Could not connect"):
            reader.describe("s")

    def test_a_fault_of_our_own_is_not_hidden(self, stand, reader):
        stand.client.meta.events.register("before-call.kinesis.ListShards", lambda **_: 1 / 0)

        with pytest.raises(ZeroDivisionError):
            reader.shards("s")


class TestOpen:
    def test_by_the_variables_of_the_sdk(self, stand, monkeypatch):
        for name, value in {**kinesis_stand.CREDENTIALS, "AWS_ENDPOINT_URL": stand.endpoint}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("AWS_DEFAULT_REGION")

        reader = StreamReader.open(backoff=QUICK)

        assert reader.describe("s").arn == stand.arn
        reader.close()

    def test_without_a_region(self, monkeypatch, tmp_path):
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))

        with pytest.raises(ConfigurationError, match="AWS_REGION"):
            StreamReader.open(backoff=QUICK)


def contents(page):
    """The page, its records in types that compare."""
    raw = page.records
    columns = (list(raw.payloads), list(raw.sequence_numbers), raw.arrival_ms.to_pylist())
    return page._replace(records=columns)


class TestPages:
    def test_as_the_sdk_parses_them(self, stand):
        stand.put(b"\x00\xff", kpl_aggregate([b"a"]))
        stand.call("SplitShard", ShardToSplit=SHARD, NewStartingHashKey=str(2**127))
        other = kinesis_stand.client(stand.endpoint)
        parse_pages(other)

        def pages(client):
            cursor = Cursor("s", SHARD, Start("TRIM_HORIZON"))
            while not cursor.is_closed:
                operation, parameters = cursor.call()
                page = cursor.take(getattr(client, operation)(**parameters))
                if page is not None:
                    yield page

        ours, theirs = [[contents(page) for page in pages(client)] for client in (other, stand.client)]
        other.close()

        assert ours == theirs
        assert [child.ParentShards for child in ours[-1].child_shards] == [[SHARD], [SHARD]]

    def test_an_answer_that_is_no_page_is_tried_again(self, stand, reader):
        stand.put(b"a")
        broken = iter([b'{"Records": [', b""])

        def truncate(response_dict, **_):
            response_dict["body"] = next(broken, response_dict["body"])

        stand.client.meta.events.register_first("before-parse.kinesis.GetRecords", truncate)

        assert [payload for _, payload in flat(reader.read_retained("s", SHARD))] == [b"a"]

    def test_latest_after_an_expired_iterator(self, stand):
        """What came since the first iterator is read, though no record has been read yet."""
        cursor = Cursor("s", SHARD, Start("LATEST"), clock=stand.clock)
        stand.put(b"before")
        stand.clock.advance(2)
        operation, parameters = cursor.call()
        cursor.take(getattr(stand.client, operation)(**parameters))
        stand.clock.advance(2)
        stand.put(b"since")
        cursor.renew()

        pages = []
        for _ in range(2):
            operation, parameters = cursor.call()
            pages.append(cursor.take(getattr(stand.client, operation)(**parameters)))

        assert list(pages[1].records.payloads) == [b"since"]

    def test_page_of_an_empty_answer(self):
        assert page_of({"Records": []}).raw("s", SHARD).arrival_ms.to_pylist() == []

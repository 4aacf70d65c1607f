from __future__ import annotations

import pytest
from kinesis_helpers import put, read_shard

from iotstream.local.kinesis import Fault, Kinesis, KinesisError, Settings

FIRST = "shardId-000000000000"


@pytest.fixture
def kinesis():
    kinesis = Kinesis(lambda: 1_700_000_000.0, Settings(limits=False))
    kinesis.call("CreateStream", {"StreamName": "s", "ShardCount": 1})
    return kinesis


def outcomes(kinesis, calls):
    codes = []
    for _ in range(calls):
        try:
            put(kinesis, (b"x", "k"))
            codes.append("")
        except KinesisError as error:
            codes.append(error.code)
    return codes


def test_the_next_calls_fail_and_write_nothing(kinesis):
    kinesis.faults.inject(Fault(operation="PutRecords", error="ServiceUnavailable", count=2))
    assert outcomes(kinesis, 4) == ["ServiceUnavailable"] * 2 + [""] * 2
    assert len(read_shard(kinesis, FIRST)) == 2


def test_other_operations_are_spared(kinesis):
    kinesis.faults.inject(Fault(operation="GetRecords"))
    assert outcomes(kinesis, 3) == [""] * 3


def test_a_probability_is_reproducible(kinesis):
    runs = []
    for seed in (1, 1, 2):
        kinesis.faults.clear()
        kinesis.faults.inject(Fault(operation="PutRecords", probability=0.3, seed=seed))
        runs.append(outcomes(kinesis, 200))
    assert runs[0] == runs[1] != runs[2]
    assert 30 < sum(code != "" for code in runs[0]) < 90


def test_a_lost_answer(kinesis):
    kinesis.faults.inject(Fault(operation="PutRecords", after=True, count=1))
    assert outcomes(kinesis, 2) == ["InternalFailureException", ""]
    assert len(read_shard(kinesis, FIRST)) == 2


@pytest.mark.parametrize(("after", "written"), [(False, 7), (True, 10)])
def test_partial_failures(kinesis, after, written):
    kinesis.faults.inject(Fault(operation="PutRecords", each_record=True, count=3, after=after))
    answer = put(kinesis, *[(b"%d" % n, "k") for n in range(10)])
    assert answer["FailedRecordCount"] == 3
    codes = [record.get("ErrorCode") for record in answer["Records"]]
    assert codes == ["InternalFailure"] * 3 + [None] * 7
    assert len(read_shard(kinesis, FIRST)) == written


def test_the_first_that_was_added_strikes_first(kinesis):
    kinesis.faults.inject(Fault(operation="PutRecords", error="A", message="first", count=1))
    kinesis.faults.inject(Fault(operation="*", error="B", count=1))
    assert outcomes(kinesis, 3) == ["A", "B", ""]

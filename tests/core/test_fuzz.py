"""Random payloads over seven schemas: one answer from both ways, and that of an independent judge.

`scripts/fuzz_decode.py` runs the same for as long as wanted.
"""

from collections import Counter

import agreement
import mutations
import oracle
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import iotstream
from iotstream import _outcomes as outcomes
from iotstream.testing import raw_batch

BLOCKS, SEEDS = 8, 800


@pytest.mark.parametrize("block", range(BLOCKS))
def test_both_ways_agree(block):
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        r = mutations.seeded(seed)
        schema = mutations.SCHEMAS[r.choice(list(mutations.SCHEMAS))]
        payloads, arrival_ms = mutations.batch(schema, r)
        agreement.check(payloads, schema, arrival_ms)


@pytest.mark.parametrize("name", mutations.SCHEMAS)
def test_arrivals_may_be_unknown_here_and_there(name):
    r = mutations.seeded(name)
    for _ in range(60):
        payloads, arrival_ms = mutations.batch(mutations.SCHEMAS[name], r)
        arrivals = arrival_ms or [mutations.ARRIVAL_MS] * len(payloads)
        agreement.check(payloads, mutations.SCHEMAS[name], [r.choice([None, one]) for one in arrivals])


@pytest.mark.parametrize("name", mutations.SCHEMAS)
def test_an_independent_judge_agrees(name):
    r = mutations.seeded(name)
    judged = 0
    for _ in range(1_500):
        text = mutations.item(mutations.SCHEMAS[name], r)
        judged += oracle.judge(text, mutations.SCHEMAS[name]) is not None
        oracle.check(text, mutations.SCHEMAS[name])
    assert judged > 1_000


@pytest.mark.parametrize("name", mutations.SCHEMAS)
def test_neighbours_do_not_matter(name):
    schema, r = mutations.SCHEMAS[name], mutations.seeded(name)
    payloads = [mutations.payload(schema, r) for _ in range(150)]
    arrival = [mutations.ARRIVAL_MS + r.choice([0, 10**7, -(10**7)]) for _ in payloads]
    together = iotstream.decode(raw_batch(payloads, arrival_ms=arrival), schema)
    rows, rejects = [], []
    at = 0
    while at < len(payloads):
        size = r.choice([1, 1, 2, 7])
        part = raw_batch(payloads[at : at + size], arrival_ms=arrival[at : at + size])
        decoded = iotstream.decode(part, schema)
        rows += [(record + at, item, values) for record, item, values in agreement.rows_of(decoded)]
        rejects += [tuple(one._replace(record=one.record + at)) for one in decoded.rejects]
        at += size
    assert repr(agreement.rows_of(together)) == repr(rows)
    assert [tuple(one) for one in together.rejects] == rejects


@pytest.mark.parametrize("name", mutations.SCHEMAS)
def test_fields_outside_the_schema_are_those_of_each_item(name):
    schema, r = mutations.SCHEMAS[name], mutations.seeded(name)
    plain = 0
    for _ in range(800):
        payload = mutations.payload(schema, r)
        expected = Counter()
        for item in outcomes._values(outcomes.text_of(payload, schema)):
            if isinstance(item, dict):
                expected.update(outcomes._unknown(item, (), outcomes._known(schema)))
        assert outcomes.extra_fields([payload], schema, 0) == expected
        plain += outcomes._holds_no_other(schema)(payload)
    assert plain > 50


@pytest.mark.parametrize("name", ["flat", "everything", "optional"])
def test_more_than_one_chunk(name):
    schema, r = mutations.SCHEMAS[name], mutations.seeded(name)
    pool = [mutations.payload(schema, r) for _ in range(400)]
    payloads = [r.choice(pool) for _ in range(21_234)]
    arrival = [mutations.ARRIVAL_MS + r.choice([0, 10**9]) for _ in payloads]
    agreement.check(payloads, schema, arrival)


@pytest.mark.parametrize("name", mutations.SCHEMAS)
def test_rows_come_back_from_parquet(name, tmp_path):
    schema, r = mutations.SCHEMAS[name], mutations.seeded(name)
    decoded = iotstream.decode([mutations.payload(schema, r) for _ in range(300)], schema)
    assert decoded.data.num_rows
    table = pa.Table.from_batches([decoded.data])
    pq.write_table(table, tmp_path / "rows.parquet")
    back = pq.read_table(tmp_path / "rows.parquet")
    assert back.schema == schema.arrow
    assert repr(back.to_pylist()) == repr(table.to_pylist())

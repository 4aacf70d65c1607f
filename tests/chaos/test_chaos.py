"""A handful of kills; `make chaos` does hundreds."""

import pytest
from rounds import PausedRound, Plan, Round
from run import plans
from tap import step_of

PLANS = [
    Plan(name="direct", source="direct", kills=5, seed=11, reshard=True, failing=0.05),
    Plan(name="lambda", source="lambda", kills=4, seed=12, reshard=True, failing=0.05),
    Plan(name="kcl", source="kcl", kills=2, seed=13, reshard=True, failing=0.03),
]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_every_item_is_there_once(stand, plan):
    result = Round(stand, plan).run()
    assert result.problems == []
    assert result.kills.total() == plan.kills
    assert result.rows > 100
    assert result.dead_letters > 10
    assert result.points > 100


@pytest.mark.timeout(300)
@pytest.mark.parametrize("source", ["direct", "kcl"])
def test_a_paused_worker_that_wakes_does_no_harm(stand, source):
    one = PausedRound(stand, Plan(name=f"paused-{source}", source=source, kills=0, seed=15, workers=2))
    result = one.run()
    assert result.problems == []
    assert result.kills["paused"] == 1
    if source == "direct":
        assert one.woken_ended  # its claim is lost, and it says so by its exit status


def test_the_long_run_is_as_long_as_it_says():
    every = list(plans(1, 85, 500))
    assert every == list(plans(1, 85, 500))
    kills = {
        source: sum(one.kills for one in every if one.source == source)
        for source in ("kcl", "direct", "lambda")
    }
    assert kills["kcl"] >= 80
    assert kills["direct"] + kills["lambda"] >= 500
    assert min(kills.values()) > 50
    assert sum(one.kills for one in every if one.keep_leader) == 5
    assert len({one.name for one in every}) == len(every)


@pytest.mark.parametrize(
    ("request_", "step"),
    [
        (("PUT", "/b/lake/data/dt=2026-01-01/hour=00/x.parquet", "", b""), "object"),
        (("PUT", "/b/lake/spans/s/shard/1-2.json?x=1", "", b""), "manifest"),
        (("PUT", "/b/q/dt=2026-01-01/x.jsonl.gz", "", b""), "letters"),
        (("GET", "/b/q/dt=2026-01-01/x.jsonl.gz", "", b""), None),
        (("POST", "/", "DynamoDB_20120810.UpdateItem", b'"journal" "SET :claim"'), "claim"),
        (("POST", "/", "DynamoDB_20120810.UpdateItem", b'"journal" "SET :intent"'), "intend"),
        (("POST", "/", "DynamoDB_20120810.UpdateItem", b'"journal" "REMOVE #intent"'), "commit"),
        (("POST", "/", "DynamoDB_20120810.UpdateItem", b'"leases" "SET :claim"'), None),
    ],
)
def test_steps_are_told_apart(request_, step):
    assert step_of(*request_, "journal") == step

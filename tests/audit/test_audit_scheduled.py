"""The audit by the clock: its metrics, its log, its answer."""

import json
import logging
import sys
from pathlib import Path

import pytest

from audit.lakes import SHARDS, Lake
from iotstream.audit.report import Report
from iotstream.audit.scheduled import ScheduledAudit
from iotstream.errors import ConfigurationError
from iotstream.settings import Settings

HANDLERS = Path(__file__).parents[2] / "handlers"


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path).write(SHARDS[0]).write(SHARDS[1], spans=2)


def variables(lake):
    return {
        "IOTSTREAM_LAKE_URI": f"file://{lake.directory}/lake",
        "IOTSTREAM_QUARANTINE_URI": f"file://{lake.directory}/quarantine",
    }


def run(lake, **options):
    lines = []
    answer = ScheduledAudit(Settings.load(variables(lake)), emit=lines.append, **options)()
    (line,) = lines
    return answer, json.loads(line)


def test_a_right_lake(lake):
    answer, metrics = run(lake)
    assert (answer["ok"], answer["proved"]) == (True, True)
    spans = answer["totals"]["spans"]
    expected = {
        "AuditFindings": 0,
        "AuditNotes": len(answer["notes"]),
        "AuditSpans": spans,
        "AuditProvedSpans": spans,
        "OldestIntentAge": 0,
        "Application": "iotstream",
        "Stream": "kinesis-stream",
    }
    assert {name: metrics[name] for name in expected} == expected
    directive = metrics["_aws"]["CloudWatchMetrics"][0]
    assert (directive["Namespace"], directive["Dimensions"]) == ("iotstream", [["Application", "Stream"]])
    assert {one["Name"] for one in directive["Metrics"]} == set(expected) - {"Application", "Stream"}


def test_findings_are_counted_and_logged_with_their_remedy(lake, caplog):
    path = lake.files("data/*/*/*")[0]
    path.unlink()
    with caplog.at_level(logging.ERROR):
        answer, metrics = run(lake)
    assert answer["ok"] is False
    assert metrics["AuditFindings"] == 1
    assert metrics["AuditProvedSpans"] < metrics["AuditSpans"]
    assert path.name in caplog.text
    assert "Restore it" in caplog.text


def test_how_long_a_span_is_being_written_already():
    lines = []
    scheduled = ScheduledAudit(
        Settings.load({"IOTSTREAM_LAKE_URI": "file:///lake"}), emit=lines.append, now_ms=lambda: 1_000_000
    )
    assert json.loads(scheduled._metrics(Report(oldest_intent_ms=10_000)))["OldestIntentAge"] == 990


def test_no_lake_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"lake\.uri"):
        ScheduledAudit(Settings.load({}), emit=print)


def test_the_handler(lake, monkeypatch, capfdbinary):
    for name, value in variables(lake).items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(HANDLERS))
    import audit_lambda

    answer = audit_lambda.handler({}, None)
    assert answer["ok"]
    sys.stdout.flush()
    assert json.loads(capfdbinary.readouterr().out)["AuditFindings"] == 0

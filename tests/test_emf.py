import json

import pytest

from iotstream.emf import MAX_METRICS, Metric, document, metrics_of
from iotstream.pipeline import Stats
from iotstream.rejects import Reason


def test_a_document_is_a_line_in_the_embedded_metric_format():
    line = document("iotstream", {"Stream": "s"}, [Metric("Rows", "Count", 3)], 1_734_604_200_000)
    assert line.endswith(b"\n")
    assert json.loads(line) == {
        "_aws": {
            "Timestamp": 1_734_604_200_000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "iotstream",
                    "Dimensions": [["Stream"]],
                    "Metrics": [{"Name": "Rows", "Unit": "Count"}],
                }
            ],
        },
        "Stream": "s",
        "Rows": 3,
    }


def test_more_metrics_than_a_document_holds_are_refused():
    with pytest.raises(ValueError, match="at most 100"):
        document("n", {}, [Metric(str(i), "Count", 1) for i in range(MAX_METRICS + 1)], 0)


def test_everything_at_once_fits_a_document():
    stats = Stats()
    for reason in Reason:
        stats.rejects[reason] += 1
    for sink in ("timestream", "influxdb"):
        stats.refused[sink] += 1
    for stage in ("decode", "timestream", "influxdb", "dead_letter", "parquet"):
        stats.seconds[stage] += 0.0015
    metrics = metrics_of(stats)
    assert len(metrics) < MAX_METRICS - 10
    assert Metric("Rejects", "Count", len(Reason)) in metrics
    assert Metric("Rejects.not_json", "Count", 1) in metrics
    assert Metric("Refused.timestream", "Count", 1) in metrics
    assert Metric("Duration.decode", "Milliseconds", 1.5) in metrics

"""Metrics in CloudWatch's embedded metric format: a JSON line on stdout becomes metrics.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from iotstream.pipeline import Stats
from iotstream.rejects import Reason

MAX_METRICS = 100
"""Metrics in one document at most (the specification's limit)."""


class Metric(NamedTuple):
    """One metric: its name, CloudWatch's unit, and its value."""

    name: str
    unit: str
    value: float


def document(
    namespace: str, dimensions: Mapping[str, str], metrics: Sequence[Metric], timestamp_ms: int
) -> bytes:
    """One line of EMF, newline included.

    Args:
        namespace: CloudWatch's.
        dimensions: one set of dimensions.
        metrics: at most `MAX_METRICS`.
        timestamp_ms: when they were measured, ms since the epoch.

    Raises:
        ValueError: there are too many metrics.
    """
    if len(metrics) > MAX_METRICS:
        raise ValueError(f"{len(metrics)} metrics in one document, at most {MAX_METRICS}")
    declared = [{"Name": one.name, "Unit": one.unit} for one in metrics]
    directive = {"Namespace": namespace, "Dimensions": [list(dimensions)], "Metrics": declared}
    return orjson.dumps(
        {
            "_aws": {"Timestamp": timestamp_ms, "CloudWatchMetrics": [directive]},
            **dimensions,
            **{one.name: one.value for one in metrics},
        },
        option=orjson.OPT_APPEND_NEWLINE,
    )


def to_stdout(line: bytes) -> None:
    """Write a line where CloudWatch reads it: Lambda's log, or its agent's."""
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def metrics_of(stats: Stats) -> list[Metric]:
    """What a pipeline did, as metrics.

    `Rejects` is the total; `Rejects.<reason>`, `Refused.<sink>` and `Deferred.<sink>` stand for what
    occurred; `Skipped` counts records that were durable already, `Gaps` pages, `ClaimsLost` spans
    that another worker's claim forestalled;
    `Duration.<stage>` is in milliseconds.
    """
    metrics = [
        Metric("Records", "Count", stats.records),
        Metric("Rows", "Count", stats.rows),
        Metric("Rejects", "Count", stats.rejects.total()),
        Metric("PayloadBytes", "Bytes", stats.payload_bytes),
        Metric("Spans", "Count", stats.spans),
        Metric("Skipped", "Count", stats.skipped),
        Metric("Gaps", "Count", stats.gaps),
        Metric("ClaimsLost", "Count", stats.claims_lost),
    ]
    metrics += [Metric(f"Deferred.{sink}", "Count", n) for sink, n in sorted(stats.deferred.items()) if n]
    metrics += [Metric(f"Rejects.{one}", "Count", stats.rejects[one]) for one in Reason if stats.rejects[one]]
    metrics += [Metric(f"Refused.{sink}", "Count", n) for sink, n in sorted(stats.refused.items()) if n]
    metrics += [
        Metric(f"Duration.{stage}", "Milliseconds", round(seconds * 1000, 3))
        for stage, seconds in sorted(stats.seconds.items())
    ]
    return metrics

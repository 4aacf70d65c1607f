"""How much a shard may collect, given its share of the memory. Pure.

Measured with the default schema, messages of 10,000 records and a journal: a process takes 140 MiB at rest,
45 MiB more while it takes messages, and at its peak, while it writes a span of 128 MiB, 1.3 times the span
where it is of rows: the columns, the encoded objects; nearly three times where all are dead letters: those,
and their lines.
"""

from __future__ import annotations

from dataclasses import replace

from iotstream.batch import BatchLimits

MIB = 1 << 20
PROCESS_BYTES = 192 * MIB
"""Whatever a span holds."""
PEAK_FACTOR = 3
"""Of a span's bytes, on top."""
LEAST_SPAN_BYTES = 4 * MIB
"""Smaller spans would not save memory worth the small objects."""
LEAST_SHARE_BYTES = PROCESS_BYTES + PEAK_FACTOR * LEAST_SPAN_BYTES
"""With less than that a shard's process can't keep within its share."""


def limits_within(limits: BatchLimits, share_bytes: int) -> BatchLimits:
    """The limits, lowered so that a shard's process stays within its share, if it can."""
    room = (share_bytes - PROCESS_BYTES) // PEAK_FACTOR
    return replace(limits, max_bytes=min(limits.max_bytes, max(room, LEAST_SPAN_BYTES)))

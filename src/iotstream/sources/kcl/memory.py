"""How much a shard may collect, given its share of the memory. Pure."""

from __future__ import annotations

from dataclasses import replace

from iotstream.batch import BatchLimits

MIB = 1 << 20
PROCESS_BYTES = 160 * MIB
PEAK_FACTOR = 3
LEAST_SPAN_BYTES = 1 * MIB


def limits_within(limits: BatchLimits, share_bytes: int) -> BatchLimits:
    """The limits, lowered so that a shard's process stays within its share."""
    room = (share_bytes - PROCESS_BYTES) // PEAK_FACTOR
    return replace(limits, max_bytes=min(limits.max_bytes, max(room, LEAST_SPAN_BYTES)))

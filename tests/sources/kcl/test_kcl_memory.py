from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from iotstream.batch import BatchLimits
from iotstream.sources.kcl.memory import (
    LEAST_SHARE_BYTES,
    LEAST_SPAN_BYTES,
    MIB,
    PEAK_FACTOR,
    PROCESS_BYTES,
    limits_within,
)


def test_a_large_share_leaves_the_limits_as_they_are():
    limits = BatchLimits(max_rows=5, max_bytes=128 * MIB, max_age_s=7)
    assert limits_within(limits, 1024 * MIB) == limits


@given(st.integers(1, 2**40), st.integers(1, 2**40))
def test_a_span_at_its_peak_fits_the_share_unless_that_is_too_small(max_bytes, share):
    lowered = limits_within(BatchLimits(max_bytes=max_bytes), share).max_bytes
    assert 0 < lowered <= max_bytes
    assert lowered >= min(max_bytes, LEAST_SPAN_BYTES)
    if share >= LEAST_SHARE_BYTES:
        assert PROCESS_BYTES + PEAK_FACTOR * lowered <= share

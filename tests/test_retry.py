import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from iotstream.retry import Backoff


@given(st.integers(0, 2**32), st.floats(0.001, 10), st.floats(1, 100))
def test_delays_grow_to_the_cap_and_end_at_the_deadline(seed, base, deadline):
    backoff = Backoff(base_s=base, cap_s=base * 8, deadline_s=deadline)
    delays = list(itertools.islice(backoff.delays(random.Random(seed)), 10_000))
    assert sum(delays) <= deadline * (1 + 1e-9)
    for number, delay in enumerate(delays):
        assert 0 <= delay <= min(base * 2 ** min(number, 3), base * 8)

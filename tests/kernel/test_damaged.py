"""Whatever is damaged is read by the kernel as in pure Python, or left to it; `make fuzz` goes on with it."""

import random

import pytest
from damaged import CHECKS

ROUNDS = 1000


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_what_is_damaged_is_read_as_in_python_or_not_at_all(kernel, check, seed):
    r = random.Random(seed)
    assert sum(check(kernel, r) for _ in range(ROUNDS)) > ROUNDS // 100

"""Compares the decoder with its reference and with an independent judge on random payloads.

    python scripts/fuzz_decode.py --seconds 300

With the compiled kernel also what it reads of damaged events, messages, pages, aggregates and compressed
payloads with what pure Python reads of them. Stops at the first one on which something does not hold, prints
it and the seed, and exits with 1. `--seed` begins elsewhere; a seed that failed fails again.
"""

import argparse
import sys
import time
import traceback
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "core"))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "kernel"))

import agreement
import damaged
import mutations
import oracle

import iotstream
from iotstream._native import native

ENVELOPES = 20
"""Damaged ones of each kind, for each seed."""


def run_seed(seed: int) -> Counter[str]:
    """Check what comes of one seed, and count its outcomes."""
    r = mutations.seeded(seed)
    name = r.choice(list(mutations.SCHEMAS))
    schema = mutations.SCHEMAS[name]
    payloads, arrival_ms = mutations.batch(schema, r)
    try:
        decoded = agreement.check(payloads, schema, arrival_ms)
        alone = r.randrange(len(payloads))
        arrival = None if arrival_ms is None else [arrival_ms[alone]]
        agreement.check([payloads[alone]], schema, arrival)
        oracle.check(mutations.item(schema, r), schema)
        if r.random() < 0.02:
            iotstream.decode(payloads * 3, schema)
    except Exception:
        print(f"seed {seed}, schema {name}, arrival {arrival_ms}:\n{payloads!r}", file=sys.stderr)
        raise
    outcomes = Counter(payloads=len(payloads), rows=decoded.data.num_rows, **decoded.rejects.by_reason())
    if native is not None:
        for kind, check in damaged.CHECKS.items():
            outcomes[kind] += ENVELOPES
            outcomes[f"{kind}_read"] += sum(check(native, r) for _ in range(ENVELOPES))
    return outcomes


def main() -> int:
    """Run seeds one after the other until the time is over."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long (default: 60)")
    parser.add_argument("--seed", type=int, default=0, help="the first seed (default: 0)")
    options = parser.parse_args()
    end, seed, outcomes = time.monotonic() + options.seconds, options.seed, Counter[str]()
    while time.monotonic() < end:
        try:
            outcomes += run_seed(seed)
        except Exception:  # noqa: BLE001 - whatever it is, it is what the run looks for
            traceback.print_exc()
            return 1
        seed += 1
    print(f"seeds {options.seed} to {seed - 1}: {dict(outcomes.most_common())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

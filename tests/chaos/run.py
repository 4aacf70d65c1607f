"""The long proof: consumers are killed, hundreds of times, and every item is there once.

    python tests/chaos/run.py --state .chaos --seed 1

By default 85 kills with KCL's daemon (in five the leader's row stays, so that the takeover takes its two
minutes) and 500 with the direct source and the Lambda handler, in rounds of their own streams. What is
done is kept in the state directory: run it again, and it goes on. Exit status 0 only when all rounds are
done and none found anything.
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rounds import Plan, Result, Round
from stand import Stand

ROUNDS_A_STAND = 8
"""The local AWS keeps everything in memory: a new one now and then."""


def plans(seed: int, kcl: int, others: int) -> Iterator[Plan]:
    """All rounds; the same for the same arguments."""
    source = random.Random(seed)
    kept, number = 5 if kcl >= 80 else 0, 0
    while kcl > 0 or others > 0:
        number += 1
        name, own = f"round-{seed}-{number}", source.randrange(2**32)
        if kcl > 0 and (others <= 0 or number % 3 == 0):
            # A round with the leader's row left alone costs two minutes a kill.
            keep = kept > 0 and number % 2 == 0
            kills = 1 if keep else min(kcl, 6)
            kept -= keep
            kcl -= kills
            yield Plan(
                name=name,
                source="kcl",
                kills=kills,
                seed=own,
                shards=source.choice((1, 2, 4)),
                reshard=not keep and source.random() < 0.6,
                workers=1 if keep else source.choice((1, 2)),
                failing=source.choice((0.0, 0.03)),
                keep_leader=keep,
            )
        elif others > 0:
            kills = min(others, 25)
            others -= kills
            yield Plan(
                name=name,
                source=source.choice(("direct", "direct", "lambda")),
                kills=kills,
                seed=own,
                shards=source.choice((1, 2, 4)),
                reshard=source.random() < 0.7,
                failing=source.choice((0.0, 0.05)),
            )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--state", type=Path, default=Path(".chaos"), help="what is done, and all logs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kcl-kills", type=int, default=85)
    parser.add_argument("--other-kills", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=90.0, help="begin no round after that")
    arguments = parser.parse_args()
    every = list(plans(arguments.seed, arguments.kcl_kills, arguments.other_kills))
    arguments.state.mkdir(parents=True, exist_ok=True)
    journal = arguments.state / f"done-{arguments.seed}.jsonl"
    done = [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []
    names = {one["plan"]["name"] for one in done}
    left = [plan for plan in every if plan.name not in names]
    until = time.monotonic() + arguments.minutes * 60
    console = Console(stderr=True)
    columns = (TextColumn("{task.description:28}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("kills", total=sum(plan.kills for plan in every))
        progress.advance(task, sum(sum(one["kills"].values()) for one in done))

        def say(what: str) -> None:
            progress.advance(task, what not in {"split", "merge"})
            progress.update(task, description=what)

        for start in range(0, len(left), ROUNDS_A_STAND):
            if time.monotonic() > until:
                break
            stand = Stand(arguments.state / f"stand-{arguments.seed}-{left[start].name}", arguments.seed)
            try:
                for plan in left[start : start + ROUNDS_A_STAND]:
                    if time.monotonic() > until:
                        break
                    result = Round(stand, plan, say).run()
                    done.append({**asdict(replace(result, kills=Counter())), "kills": dict(result.kills)})
                    with journal.open("a") as file:
                        file.write(json.dumps(done[-1]) + "\n")
                    console.print(_line(result))
            finally:
                stand.close()
    return _summary(console, every, done)


def _line(result: Result) -> str:
    plan = result.plan
    found = "; ".join(result.problems) or "all there, once"
    return (
        f"{plan.name} {plan.source} {plan.shards} shards{', resharded' * plan.reshard}, "
        f"{plan.workers} workers, {result.kills.total()} kills, {result.items:,} items = "
        f"{result.rows:,} rows + {result.dead_letters:,} dead letters, {result.points:,} points, "
        f"{result.seconds:.0f} s: {found}"
    )


def _summary(console: Console, every: list[Plan], done: list[dict]) -> int:
    kills: Counter[str] = Counter()
    for one in done:
        kills[one["plan"]["source"]] += sum(one["kills"].values())
    problems = [one for one in done if one["problems"]]
    items = sum(one["items"] for one in done)
    console.print(
        f"{len(done)} of {len(every)} rounds, {kills.total()} kills {dict(kills)}, {items:,} items, "
        f"{sum(one['seconds'] for one in done) / 60:.0f} minutes: "
        + (f"{len(problems)} rounds found something" if problems else "every item is there once")
    )
    return 0 if len(done) >= len(every) and not problems else 1


if __name__ == "__main__":
    sys.exit(main())

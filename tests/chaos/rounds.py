"""A round: a stream that is written and resharded, a consumer that is killed, and what must hold then."""

import base64
import gzip
import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from consumers import Command, Consumer, Lambda, kill
from numbered import Producer
from stand import BUCKET, DATABASE, Stand, table_of
from tap import STEPS, Trap

from iotstream.lake import Lake
from iotstream.schema import Schema

TRAP_S = 6.0
FINISH_S = 420.0
LEADER_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a round does.

    Attributes:
        name: of the stream, the lake and all else.
        source: direct, kcl or lambda.
        kills: how many.
        seed: of everything that is left to chance.
        shards: of the stream at first.
        reshard: whether it is split and merged meanwhile.
        workers: consumers at once.
        failing: share of the writes that fail.
        keep_leader: KCL's leader row stays after a kill: the takeover takes its two minutes.
    """

    name: str
    source: str
    kills: int
    seed: int
    shards: int = 2
    reshard: bool = False
    workers: int = 1
    failing: float = 0.0
    keep_leader: bool = False


@dataclass
class Result:
    """What a round found; `problems` is empty when all is well."""

    plan: Plan
    items: int = 0
    rows: int = 0
    dead_letters: int = 0
    points: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    problems: list[str] = field(default_factory=list)


class Round:
    """See the module."""

    def __init__(self, stand: Stand, plan: Plan, say: Callable[[str], None] = lambda _: None) -> None:
        self.stand, self.plan, self.say = stand, plan, say
        self.random = random.Random(plan.seed)
        self.result = Result(plan)
        self.kinesis = stand.client("kinesis")
        self.log = (stand.directory / f"{plan.name}.log").open("ab")
        self.environment = stand.consumer_environment(
            plan.name,
            IOTSTREAM_SPAN_MAX_ROWS=str(self.random.choice((40, 150, 600))),
            IOTSTREAM_SPAN_MAX_AGE_S=str(self.random.choice((0.3, 1.0))),
        )

    def run(self) -> Result:
        began = time.monotonic()
        self.kinesis.create_stream(StreamName=self.plan.name, ShardCount=self.plan.shards)
        self.kinesis.get_waiter("stream_exists").wait(StreamName=self.plan.name, WaiterConfig={"Delay": 1})
        self.stand.client("timestream-write").create_table(
            DatabaseName=DATABASE,
            TableName=table_of(self.plan.name),
            MagneticStoreWriteProperties={"EnableMagneticStoreWrites": True},
        )
        consumers = [self._consumer(index) for index in range(self.plan.workers)]
        producer = Producer(self.kinesis, self.plan.name, self.plan.seed)
        try:
            self._start(consumers)
            self._destroy(consumers)
            producer.stop()
            self._finish(consumers, producer)
        finally:
            for consumer in consumers:
                if consumer.running():
                    kill(consumer.victims()["all"])
            self.log.close()
        self._check(producer)
        self.result.seconds = time.monotonic() - began
        return self.result

    def _start(self, consumers: list[Consumer]) -> None:
        for consumer in consumers:
            consumer.start()

    def _consumer(self, index: int) -> Consumer:
        if self.plan.source == "lambda":
            return Lambda(self.environment, self.plan.name, self.log, self.plan.seed + index)
        return Command(self.plan.source, self.environment, self.log, self._release_leader)

    def _release_leader(self) -> None:
        """Without it a killed leader's shards wait for two minutes."""
        if self.plan.source != "kcl" or self.plan.keep_leader:
            return
        dynamodb = self.stand.client("dynamodb")
        table = f"{self.plan.name}-CoordinatorState"
        if table in dynamodb.list_tables()["TableNames"]:
            dynamodb.delete_item(TableName=table, Key={"key": {"S": "Leader"}})

    # Destruction

    def _destroy(self, consumers: list[Consumer]) -> None:
        tap, source = self.stand.tap, self.random
        reshardings = [self._split, self._merge] if self.plan.reshard else []
        for number in range(self.plan.kills):
            tap.failing = self.plan.failing if source.random() < 0.7 else 0.0
            if reshardings and number >= self.plan.kills // 3:
                reshardings.pop(0)()
            victim = source.choice(consumers)
            who = self._kill_one(victim)
            victim.after_kill(who)
            if not victim.running():
                victim.start()
            # Others may have given up for a failing sink or a lost claim.
            self._restart_the_ended(consumers)
        tap.failing = 0.0

    def _restart_the_ended(self, consumers: list[Consumer]) -> None:
        """As their host would."""
        for consumer in consumers:
            if not consumer.running():
                consumer.after_kill()
                consumer.start()

    def _kill_one(self, consumer: Consumer) -> str:
        """At a step that the tap sees, or at any time; the step may not come by. Who was hit."""
        source = self.random
        who = source.choice(
            ("function", "function", "mapping", "all")
            if self.plan.source == "lambda"
            else ("child", "children", "daemon", "parent", "all")
            if self.plan.source == "kcl"
            else ("parent",)
        )
        step = source.choice((*STEPS, "any", "any"))
        where = f"{who} at {step}"

        def hit() -> None:
            victims = consumer.victims()
            kill(victims.get(who) or victims["all"])

        if step != "any":
            after = source.random() < 0.5
            where += " (after)" if after else " (before)"
            trap = self.stand.tap.trap = Trap(step, after, hit, skip=source.randrange(3))
            if not self._wait(trap.sprung.is_set, TRAP_S, consumer):
                self.stand.tap.trap = None
                where = f"{who} at any time"
                hit()
        else:
            time.sleep(source.uniform(0, 1.0 if self.plan.source != "kcl" else 12.0))
            hit()
        self.result.kills[where] += 1
        self.say(where)
        return who

    def _wait(self, holds: Callable[[], bool], seconds: float, consumer: Consumer) -> bool:
        until = time.monotonic() + seconds + (LEADER_S if self.plan.keep_leader else 0)
        while time.monotonic() < until and consumer.running():
            if holds():
                return True
            time.sleep(0.01)
        return holds()

    def _split(self) -> None:
        shards = self.kinesis.list_shards(StreamName=self.plan.name)["Shards"]
        open_ones = [one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]]
        low, high = (int(open_ones[0]["HashKeyRange"][key]) for key in ("StartingHashKey", "EndingHashKey"))
        self.kinesis.split_shard(
            StreamName=self.plan.name,
            ShardToSplit=open_ones[0]["ShardId"],
            NewStartingHashKey=str((low + high) // 2),
        )
        self.say("split")

    def _merge(self) -> None:
        shards = self.kinesis.list_shards(StreamName=self.plan.name)["Shards"]
        open_ones = sorted(
            (one for one in shards if "EndingSequenceNumber" not in one["SequenceNumberRange"]),
            key=lambda one: int(one["HashKeyRange"]["StartingHashKey"]),
        )
        first, second = open_ones[-2:]
        self.kinesis.merge_shards(
            StreamName=self.plan.name, ShardToMerge=first["ShardId"], AdjacentShardToMerge=second["ShardId"]
        )
        self.say("merge")

    # The end

    def _finish(self, consumers: list[Consumer], producer: Producer) -> None:
        """Let them come to the end, and end them."""
        until = time.monotonic() + FINISH_S
        while time.monotonic() < until:
            self._restart_the_ended(consumers)
            if sum(self._rows().values()) + sum(self._letters().values()) >= producer.sent:
                break
            time.sleep(0.5)
        else:
            self.result.problems.append(f"not everything was there after {FINISH_S} s")
        for consumer in consumers:
            status = consumer.stop()
            if status:
                self.result.problems.append(f"a clean stop ended with status {status}")

    def _rows(self) -> Counter[int]:
        with Lake.open(self._lake, schema=self._schema.arrow, environ=self.stand.environment) as lake:
            counts = lake.query("SELECT n, count(*) AS c FROM iot_database.iot_table GROUP BY n")
        return Counter(dict(zip(counts["n"].to_pylist(), counts["c"].to_pylist(), strict=True)))

    def _letters(self) -> Counter[int]:
        found: Counter[int] = Counter()
        s3 = self.stand.client("s3")
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=BUCKET, Prefix=f"{self.plan.name}/quarantine/"
        )
        for one in (one for page in pages for one in page.get("Contents", ())):
            body = s3.get_object(Bucket=BUCKET, Key=one["Key"])["Body"].read()
            for line in gzip.decompress(body).splitlines():
                letter = json.loads(line)
                if not letter["sink"]:
                    found[json.loads(base64.b64decode(letter["payload"]))["n"]] += 1
        return found

    @property
    def _lake(self) -> str:
        return f"s3://{BUCKET}/{self.plan.name}/lake"

    @property
    def _schema(self) -> Schema:
        return Schema.load(self.stand.schema)

    def _check(self, producer: Producer) -> None:
        rows, letters, problems = self._rows(), self._letters(), self.result.problems
        self.result.items, self.result.rows = producer.sent, rows.total()
        self.result.dead_letters = letters.total()
        found = rows + letters
        missing, more = producer.expected - found, found - producer.expected
        if missing:
            problems.append(f"{missing.total()} items are missing, the first is {min(missing)}")
        if more:
            problems.append(f"{more.total()} items are there more than once, the first is {min(more)}")
        if set(letters) != {n for n in producer.bad if n <= producer.sent}:
            problems.append("the dead letters are not the bad items")
        self._command("backfill")
        self._check_points(producer)
        answer = self._command("audit", "--deep", "--stream", "--json", may_fail=True)
        if not answer:
            problems.append("audit: it said nothing")
            return
        report = json.loads(answer)
        problems += [f"audit: {one['code']}: {one['message']}" for one in report["findings"]]
        if not report["ok"] or not report["proved"]:
            problems.append(f"audit: ok {report['ok']}, proved {report['proved']}: {report['notes']}")

    def _check_points(self, producer: Producer) -> None:
        newest = {(device, at): n for (device, at), n in producer.newest.items() if n <= producer.sent}
        points = {}
        query = self.stand.client("timestream-query")
        sql = f'SELECT device, to_milliseconds(time) AS at, n FROM "{DATABASE}"."{table_of(self.plan.name)}"'
        for page in query.get_paginator("query").paginate(QueryString=sql):
            for row in page["Rows"]:
                device, at, n = (one["ScalarValue"] for one in row["Data"])
                points[device, int(at)] = int(n)
        self.result.points = len(points)
        wrong = {place for place in {*newest, *points} if newest.get(place) != points.get(place)}
        if wrong:
            place = min(wrong)
            self.result.problems.append(
                f"{len(wrong)} points differ from the rows, the first at {place}: "
                f"{points.get(place)} instead of {newest.get(place)}"
            )

    def _command(self, *arguments: str, may_fail: bool = False) -> str:
        environment = {**self.environment, **self.stand.environment}
        for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL_DYNAMODB"):
            environment.pop(name)
        done = subprocess.run(
            [sys.executable, "-m", "iotstream", *arguments],
            env=environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode and not may_fail:
            self.result.problems.append(
                f"iotstream {arguments[0]} ended with {done.returncode}: {done.stderr[-500:]}"
            )
        return done.stdout


class PausedRound(Round):
    """A worker is stopped in the middle of a span, another takes its shards, and it wakes up."""

    def _destroy(self, consumers: list[Consumer]) -> None:
        paused, other = consumers
        victims: list[int] = []

        def pause() -> None:
            victims.extend(paused.victims()["all"])
            kill(victims, signal.SIGSTOP)

        trap = self.stand.tap.trap = Trap("object", after=False, action=pause, skip=2)
        assert self._wait(trap.sprung.is_set, 60.0, paused), "no span was written"
        self._release_leader()
        other.start()
        # Its rows come although the shards were the paused one's.
        rows = sum(self._rows().values())
        assert self._wait(lambda: sum(self._rows().values()) > rows + 500, 90.0, other), "nobody took over"
        kill(victims, signal.SIGCONT)
        self.result.kills["paused"] += 1
        time.sleep(5.0)
        self.woken_ended = not paused.running()
        # From here on only one is left.
        if not self.woken_ended:
            kill(paused.victims()["all"])
        paused.after_kill()
        consumers.remove(paused)

    def _start(self, consumers: list[Consumer]) -> None:
        consumers[0].start()

r"""The rule engine as a program.

    python -m iotstream.local.rules --broker-port 8883 --directory certificates \
        --stream kinesis-stream --error-directory errors

Kinesis is where the SDK's variables say (AWS_ENDPOINT_URL_KINESIS). `--directory` is the broker's
certificate authority. GET /stats on the announced port answers the engine's figures as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from iotstream.errors import IotstreamError, LocalStackError
from iotstream.local.broker import DEFAULT_TOPIC, RULE_ENGINE, TEST_CLIENT, Policy
from iotstream.local.pki import Pki
from iotstream.local.process import announce, wait_for_stop
from iotstream.local.rules.engine import Engine
from iotstream.local.rules.rule import default_rules, load_rules
from iotstream.local.rules.stream import BACKOFF, StreamWriter
from iotstream.local.stats import StatsServer


def main() -> int:
    """Serve until told to stop; the exit status is 0 when it was."""
    options = _parser().parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("botocore").setLevel(logging.WARNING)
    try:
        _run(options)
    except IotstreamError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m iotstream.local.rules",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--broker-host", default="127.0.0.1")
    parser.add_argument("--broker-port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True, help="the broker's certificate authority")
    parser.add_argument("--stream", default="kinesis-stream", help="of the default rules")
    parser.add_argument("--rules", type=Path, help="a JSON file of rules in place of the default ones")
    parser.add_argument("--error-directory", type=Path, required=True, help="keeps what fails, as it came")
    parser.add_argument(
        "--give-up-after",
        type=float,
        default=BACKOFF.deadline_s,
        help="seconds for which the stream is tried before the error action has its turn",
    )
    parser.add_argument("--topic", default=DEFAULT_TOPIC)
    parser.add_argument("--test-client", default=TEST_CLIENT)
    parser.add_argument("--rule-engine", default=RULE_ENGINE)
    parser.add_argument("--stats-port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--watch-stdin", action="store_true", help="end at the end of standard input")
    return parser


def _run(options: argparse.Namespace) -> None:
    rules = load_rules(options.rules) if options.rules else default_rules(options.stream, options.topic)
    policy = Policy(topic=options.topic, test_client=options.test_client, rule_engine=options.rule_engine)
    client = _kinesis()
    for stream in dict.fromkeys(rule.stream for rule in rules):
        check_stream(client, stream)
    writer = StreamWriter(client, backoff=replace(BACKOFF, deadline_s=options.give_up_after))
    engine = Engine(rules, writer, options.error_directory, policy=policy)
    engine.start(options.broker_host, options.broker_port, Pki(options.directory).client(policy.rule_engine))
    server = StatsServer(lambda: _stats(engine), options.stats_port)
    facts = {"port": server.port, "rules": [rule.name for rule in rules]}
    try:
        asyncio.run(_serve(engine, facts, watch_stdin=options.watch_stdin))
    finally:
        server.close()
        engine.stop()
    if engine.error is not None:
        raise LocalStackError(f"the rule engine has stopped: {engine.error!r}")


def _kinesis() -> Any:
    import boto3  # noqa: PLC0415 - the help needs none
    from botocore.config import Config  # noqa: PLC0415

    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    # What fails is tried again by the writer, which knows what is left.
    return boto3.client("kinesis", region_name=region, config=Config(retries={"total_max_attempts": 1}))


def check_stream(client: Any, stream: str) -> None:
    """Make sure that a stream can be written to.

    Raises:
        LocalStackError: it can't be reached, or isn't there.
    """
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the help needs none

    try:
        client.describe_stream_summary(StreamName=stream)
    except (BotoCoreError, ClientError) as error:
        where = client.meta.endpoint_url
        raise LocalStackError(
            f"stream {stream!r} at {where}: {error} (AWS_ENDPOINT_URL_KINESIS says where)"
        ) from error


def _stats(engine: Engine) -> dict[str, Any]:
    return asdict(engine.stats) | {"by_rule": dict(engine.stats.by_rule)}


async def _serve(engine: Engine, facts: dict[str, Any], *, watch_stdin: bool) -> None:
    stop = asyncio.create_task(wait_for_stop(watch_stdin=watch_stdin))
    # It must have begun: a signal that follows the announcement at once is to be heard.
    await asyncio.sleep(0)
    announce("rules", **facts)
    while not stop.done() and engine.error is None:
        await asyncio.wait({stop}, timeout=0.2)
    stop.cancel()


if __name__ == "__main__":
    sys.exit(main())

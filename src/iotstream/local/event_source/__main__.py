r"""The event source mapping as a program.

    python -m iotstream.local.event_source --stream kinesis-stream --handler kinesis_lambda.handler \
        --task-root handlers --batch-size 10000 --batch-window 1

Kinesis is at AWS_ENDPOINT_URL_KINESIS; the function gets this program's AWS_… and IOTSTREAM_… variables.
GET /stats on the announced port answers the mapping's figures as JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import sys
from pathlib import Path

from iotstream.errors import ConfigurationError
from iotstream.local.event_source.mapping import EventSource
from iotstream.local.event_source.settings import UNLIMITED, EventSourceSettings
from iotstream.local.lambda_runtime import LambdaFunction
from iotstream.local.process import announce, wait_for_stop
from iotstream.local.stats import StatsServer


def main() -> None:
    """Serve until told to stop."""
    arguments = _parser().parse_args()
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    endpoint = os.environ.get("AWS_ENDPOINT_URL_KINESIS")
    if not endpoint:
        sys.exit("AWS_ENDPOINT_URL_KINESIS is not set: the address of the local Kinesis")
    try:
        settings = _settings(arguments)
    except ConfigurationError as error:
        sys.exit(str(error))
    with _function(arguments) as function:
        source = EventSource(
            endpoint=endpoint,
            stream_name=arguments.stream,
            function=function,
            settings=settings,
            on_failure=arguments.on_failure,
            function_arn=f"arn:aws:lambda:us-east-1:123456789012:function:{arguments.function_name}",
            poll_s=arguments.poll,
        )
        source.start()
        server = StatsServer(source.stats, arguments.stats_port)
        announce("event_source", port=server.port, settings=settings.shown())
        orphaned = False
        try:
            orphaned = asyncio.run(_serve(source, watch_stdin=arguments.watch_stdin))
        finally:
            server.close()
            # Without the other programs an invocation under way would only wait for its sinks.
            source.stop(abort=orphaned)
    if source.error is not None:
        sys.exit(f"the mapping has stopped: {source.error!r}")


async def _serve(source: EventSource, *, watch_stdin: bool) -> bool:
    stop = asyncio.create_task(wait_for_stop(watch_stdin=watch_stdin))
    while not stop.done() and source.error is None:
        await asyncio.wait({stop}, timeout=0.2)
    return stop.done() and stop.result()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m iotstream.local.event_source",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--stream", required=True, help="name of the stream")
    parser.add_argument("--handler", required=True, help="module.function")
    parser.add_argument("--task-root", required=True, type=Path, help="directory that holds the module")
    parser.add_argument("--function-name", default="transform-function")
    parser.add_argument("--timeout", type=float, default=60.0, help="of an invocation, seconds")
    parser.add_argument("--concurrency", type=int, default=2, help="invocations at once")
    parser.add_argument("--batch-size", type=int, default=10_000)
    parser.add_argument("--batch-window", type=float, default=0.0, help="seconds")
    parser.add_argument("--max-retries", type=int, default=UNLIMITED)
    parser.add_argument("--max-record-age", type=int, default=UNLIMITED, help="seconds")
    parser.add_argument("--bisect", action="store_true")
    parser.add_argument("--parallelization", type=int, default=1)
    parser.add_argument("--starting-position", default="TRIM_HORIZON")
    parser.add_argument("--on-failure", type=Path, help="directory of the on-failure destination")
    parser.add_argument("--poll", type=float, default=0.25, help="seconds between reads that find nothing")
    parser.add_argument("--stats-port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--watch-stdin", action="store_true", help="end at the end of standard input")
    return parser


def _settings(arguments: argparse.Namespace) -> EventSourceSettings:
    return EventSourceSettings(
        batch_size=arguments.batch_size,
        window_s=arguments.batch_window,
        max_retries=arguments.max_retries,
        max_record_age_s=arguments.max_record_age,
        bisect=arguments.bisect,
        parallelization=arguments.parallelization,
        starting_position=arguments.starting_position,
    )


def _function(arguments: argparse.Namespace) -> LambdaFunction:
    passed_on = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "IOTSTREAM_"))}
    return LambdaFunction(
        handler=arguments.handler,
        task_root=arguments.task_root,
        name=arguments.function_name,
        environment=passed_on,
        timeout_s=arguments.timeout,
        concurrency=arguments.concurrency,
        on_log=_log,
    )


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    main()

"""The program: `python -m iotstream.local.kinesis --port 0 --create NAME=SHARDS --watch-stdin`."""

from __future__ import annotations

import argparse
import asyncio
import logging

from iotstream.local.kinesis.account import Settings
from iotstream.local.kinesis.server import HOST, Server
from iotstream.local.kinesis.state import Kinesis
from iotstream.local.process import announce, wait_for_stop


def main() -> None:
    """Serve until stopped."""
    arguments = _parser().parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    asyncio.run(_serve(arguments))


async def _serve(arguments: argparse.Namespace) -> None:
    settings = Settings(
        account=arguments.account,
        region=arguments.region,
        limits=arguments.limits == "on",
        status_delay=arguments.status_delay,
    )
    kinesis = Kinesis(settings=settings)
    for name, shards in arguments.create:
        kinesis.call("CreateStream", {"StreamName": name, "ShardCount": shards})
    server = Server(kinesis)
    port = await server.start(arguments.port)
    announce("kinesis", port=port, endpoint=f"http://{HOST}:{port}")
    await wait_for_stop(watch_stdin=arguments.watch_stdin)
    await server.stop()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m iotstream.local.kinesis", description="Kinesis Data Streams on this machine."
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0: any (default)")
    parser.add_argument(
        "--limits",
        choices=("on", "off"),
        default="on",
        help="off: no limits on bytes, records and calls a second (for benchmarks and bulk loads)",
    )
    parser.add_argument(
        "--create",
        metavar="NAME=SHARDS",
        type=_stream,
        action="append",
        default=[],
        help="make this stream at start; may be repeated",
    )
    parser.add_argument("--account", default=Settings.account, help="account id in ARNs")
    parser.add_argument("--region", default=Settings.region, help="region in ARNs")
    parser.add_argument(
        "--status-delay",
        type=float,
        default=Settings.status_delay,
        metavar="SECONDS",
        help="how long streams stay CREATING, UPDATING or DELETING (default: not at all)",
    )
    parser.add_argument(
        "--watch-stdin", action="store_true", help="stop when standard input ends: when the parent is gone"
    )
    return parser


def _stream(text: str) -> tuple[str, int]:
    name, _, shards = text.partition("=")
    if not name or not shards.isdecimal() or int(shards) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=SHARDS, such as telemetry=2")
    return name, int(shards)


if __name__ == "__main__":
    main()

"""The local Timestream as a program.

    python -m iotstream.local.timestream --port 0 --database iot_timestream_db --table iot_table

HTTP/1.1 with JSON 1.0 on 127.0.0.1, for writes and queries alike. POST /_iotstream/faults takes
{"operation": "WriteRecords", "kind": "throttle", "times": 3} (or "probability", or "latency" with
"seconds"), and {"seed": 7} for the probabilities; DELETE forgets them.

With --directory, what was acknowledged is in the file within a second.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from iotstream.local.process import announce, wait_for_stop
from iotstream.local.timestream import limits
from iotstream.local.timestream.errors import ServiceError
from iotstream.local.timestream.server import serve
from iotstream.local.timestream.service import Timestream

FLUSH_S = 1.0


def main() -> None:
    """Serve until told to stop."""
    parser = _parser()
    arguments = parser.parse_args()
    service = Timestream(arguments.directory)
    try:
        _create(service, arguments)
        server = serve(service, arguments.port)
        announce("timestream", port=server.server_address[1])
        try:
            with _flushing(service):
                asyncio.run(wait_for_stop(watch_stdin=arguments.watch_stdin))
        finally:
            server.shutdown()
            server.server_close()
    except ServiceError as error:
        parser.error(error.message)
    finally:
        service.close(time.time())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m iotstream.local.timestream",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--directory", type=Path, help="keeps the state between runs")
    parser.add_argument("--database", help="made at start if it is not there")
    parser.add_argument("--table", help="made at start if it is not there")
    parser.add_argument("--memory-hours", type=int, default=limits.DEFAULT_MEMORY_HOURS)
    parser.add_argument("--magnetic-days", type=int, default=limits.DEFAULT_MAGNETIC_DAYS)
    parser.add_argument(
        "--magnetic-writes", action="store_true", help="take points older than --memory-hours"
    )
    parser.add_argument("--watch-stdin", action="store_true", help="end at the end of standard input")
    return parser


def _create(service: Timestream, arguments: argparse.Namespace) -> None:
    if not arguments.database:
        return
    now = time.time()
    database = {"DatabaseName": arguments.database}
    _call_unless_there(service, "CreateDatabase", database, now)
    if not arguments.table:
        return
    table = {
        **database,
        "TableName": arguments.table,
        "RetentionProperties": {
            "MemoryStoreRetentionPeriodInHours": arguments.memory_hours,
            "MagneticStoreRetentionPeriodInDays": arguments.magnetic_days,
        },
        "MagneticStoreWriteProperties": {"EnableMagneticStoreWrites": arguments.magnetic_writes},
    }
    _call_unless_there(service, "CreateTable", table, now)
    service.call("UpdateTable", table, now)


def _call_unless_there(service: Timestream, operation: str, request: dict[str, Any], now: float) -> None:
    try:
        service.call(operation, request, now)
    except ServiceError as error:
        if error.code != "ConflictException":
            raise


@contextlib.contextmanager
def _flushing(service: Timestream) -> Iterator[None]:
    stop = threading.Event()

    def flush() -> None:
        while not stop.wait(FLUSH_S):
            service.flush(time.time())

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


if __name__ == "__main__":
    main()

"""The process of one shard, which KCL's daemon starts: `python -m iotstream.sources.kcl`."""

from __future__ import annotations

import logging
import os
import signal
import sys

from iotstream.assembly import Assembly
from iotstream.errors import IotstreamError
from iotstream.logs import configure
from iotstream.pipeline import Pipeline
from iotstream.settings import Settings
from iotstream.sources.arrow_memory import use_compact_pool
from iotstream.sources.kcl.memory import limits_within
from iotstream.sources.kcl.outcome import Outcome
from iotstream.sources.kcl.processor import Processor
from iotstream.sources.kcl.protocol import Channel
from iotstream.sources.kcl.reports import SOCKET_VARIABLE, Reporter, ReportHandler

log = logging.getLogger("iotstream.kcl")


def main() -> int:
    """Serve the daemon until it is done with the shard; the process's exit status."""
    # A signal to the whole group is for the daemon: it asks the shards to finish. They end with its pipe.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    channel = _take_over_standard_streams()
    use_compact_pool()
    environ = dict(os.environ)
    reporter = Reporter(environ.pop(SOCKET_VARIABLE, ""))
    handler = ReportHandler(reporter)
    configure("INFO", handler)
    try:
        settings = Settings.load(environ)
        configure(settings.log.level, handler)
        outcome = _serve(settings, channel, reporter, handler)
    except Exception as error:
        traceback = None if isinstance(error, IotstreamError) else error
        log.error("%s: %s", type(error).__name__, error, exc_info=traceback)  # noqa: TRY400 - it may be None
        reporter.end(Outcome.FAILED, f"{handler.shard_id}: {type(error).__name__}: {error}")
        return 1
    log.info("the end: %s", outcome)
    reporter.end(outcome)
    return 1 if outcome is Outcome.DAEMON_GONE else 0


def _serve(settings: Settings, channel: Channel, reporter: Reporter, handler: ReportHandler) -> Outcome:
    stream, memory_bytes = settings.stream.name, settings.consumer.memory_bytes
    assembly = Assembly(settings)

    def open_pipeline(shard_id: str, read_after: str | None) -> Pipeline:
        handler.shard_id = shard_id
        return assembly.pipeline(stream=stream, shard_id=shard_id, read_after=read_after)

    try:
        return Processor(
            channel,
            open_pipeline,
            stream=stream,
            limits=lambda: limits_within(assembly.limits, reporter.share_bytes or memory_bytes),
            report=reporter.update,
            backoff=settings.retry.backoff(),
        ).run()
    finally:
        assembly.close()


def _take_over_standard_streams() -> Channel:
    """Standard output is the protocol's: whatever else is printed goes to standard error."""
    target = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    return Channel(os.fdopen(0, "rb", buffering=0, closefd=False), target)


if __name__ == "__main__":
    sys.exit(main())

"""The broker as a program: `python -m iotstream.local.broker --directory DIR`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import ssl
import sys
from pathlib import Path

from iotstream.errors import IotstreamError, LocalStackError
from iotstream.local.broker.embedded import HOST, EmbeddedBroker
from iotstream.local.broker.mosquitto import Mosquitto, find
from iotstream.local.broker.policy import DEFAULT_TOPIC, RULE_ENGINE, TEST_CLIENT, Policy
from iotstream.local.pki import ClientFiles, Pki, check_name
from iotstream.local.process import announce, wait_for_stop

BACKENDS = ("auto", "mosquitto", "embedded")


def main(arguments: list[str] | None = None) -> int:
    """Run the broker until it is told to stop; the exit status is 0 when it was."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=options.log_level, format="%(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(_serve(options))
    except IotstreamError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m iotstream.local.broker", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--directory", type=Path, required=True, help="of the certificates; made if need be")
    parser.add_argument("--backend", choices=BACKENDS, default="auto")
    parser.add_argument("--topic", default=DEFAULT_TOPIC, help="a device publishes on TOPIC/<its name>")
    parser.add_argument("--test-client", type=check_name, default=TEST_CLIENT, help="publishes on TOPIC")
    parser.add_argument("--rule-engine", type=check_name, default=RULE_ENGINE, help="may subscribe")
    parser.add_argument("--log-level", default="WARNING", choices=("DEBUG", "INFO", "WARNING", "ERROR"))
    parser.add_argument("--watch-stdin", action="store_true", help="stop at the end of standard input")
    return parser


async def _serve(options: argparse.Namespace) -> None:
    policy = Policy(topic=options.topic, test_client=options.test_client, rule_engine=options.rule_engine)
    pki = Pki(options.directory)
    pki.clients((policy.test_client, policy.rule_engine))
    backend = _choose(options.backend)
    broker: Mosquitto | EmbeddedBroker
    if backend == "mosquitto":
        broker = Mosquitto(options.directory, pki.server, policy)
        port = await broker.start(options.port)
    else:
        broker = EmbeddedBroker(policy)
        port = await broker.start(server_context(pki.server), options.port)
    stop = asyncio.create_task(wait_for_stop(watch_stdin=options.watch_stdin))
    # It must have begun: a signal that follows the announcement at once is to be heard.
    await asyncio.sleep(0)
    announce(
        "broker",
        port=port,
        host=HOST,
        backend=backend,
        directory=str(options.directory),
        ca=str(pki.ca),
        topic=policy.topic,
        test_client=policy.test_client,
        rule_engine=policy.rule_engine,
    )
    try:
        await _until_stopped(broker, stop)
    finally:
        await broker.close()


def _choose(backend: str) -> str:
    if backend == "auto":
        return "mosquitto" if find() else "embedded"
    return backend


def server_context(server: ClientFiles) -> ssl.SSLContext:
    """TLS 1.2 and later; a client without a certificate of this CA is refused in the handshake."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cafile=server.ca)
    context.load_cert_chain(server.certificate, server.key)
    return context


async def _until_stopped(broker: Mosquitto | EmbeddedBroker, stop: asyncio.Task[bool]) -> None:
    if isinstance(broker, EmbeddedBroker):
        await stop
        return
    ended = asyncio.create_task(broker.wait())
    await asyncio.wait((stop, ended), return_when=asyncio.FIRST_COMPLETED)
    if not stop.done():
        stop.cancel()
        raise LocalStackError(f"mosquitto ended by itself (exit status {ended.result()})")
    ended.cancel()


if __name__ == "__main__":
    sys.exit(main())

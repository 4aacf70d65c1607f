"""`iotstream simulate`: devices against any broker that takes client certificates."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from iotstream.simulate import Message, PublishProgress, PublishResult


def simulate(
    *,
    host: Annotated[
        str, typer.Option(help="The broker. Default: `IOTSTREAM_MQTT_HOST`.", show_default=False)
    ] = "",
    port: Annotated[
        int | None, typer.Option(help="Its port. Default: `IOTSTREAM_MQTT_PORT`, or 8883.")
    ] = None,
    ca: Annotated[
        Path | None, typer.Option(help="The broker's authority (PEM), e.g. AmazonRootCA1.pem.")
    ] = None,
    certificates: Annotated[
        Path | None, typer.Option(help="Directory with `<device>.pem` (or .crt) and `<device>.key`.")
    ] = None,
    topic: Annotated[str, typer.Option(help="Each device publishes on `TOPIC/<its name>`.")] = "topic/mqtt",
    device: Annotated[
        list[str] | None, typer.Option(help="A device's name; may be repeated. Default: --devices.")
    ] = None,
    devices: Annotated[int, typer.Option(min=1, help="How many devices, if none is named.")] = 10,
    rate: Annotated[float, typer.Option(min=0.001, help="Messages a second from each device.")] = 1.0,
    duration: Annotated[
        float | None, typer.Option(min=0.1, help="Seconds. Default: until Ctrl-C, or the file's end.")
    ] = None,
    bad: Annotated[float, typer.Option(min=0, max=1, help="Share of malformed messages.")] = 0.02,
    packed: Annotated[float, typer.Option(min=0, max=1, help="Share of messages with ten items.")] = 0.03,
    seed: Annotated[int, typer.Option(help="The same seed and start give the same messages.")] = 0,
    input_file: Annotated[
        Path | None, typer.Option("--input", help="Recorded messages instead: JSON lines, plain or gzip.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The result as JSON on stdout.")] = False,
) -> None:
    """Publish readings as a fleet of devices does: MQTT over TLS, a certificate each, QoS 1.

    Against the **local stack** (its env file says where it is; certificates are made as needed):

        set -a; . .local/env; set +a
        iotstream simulate --devices 50 --rate 2 --duration 60

    Against **AWS IoT Core**, with the things' own certificates:

        iotstream simulate --host $(aws iot describe-endpoint --endpoint-type iot:Data-ATS
        --query endpointAddress --output text) --ca AmazonRootCA1.pem --certificates ./things

    Exit status 0 if the broker has acknowledged every message.
    """
    from iotstream.cli.certificates import find_credentials
    from iotstream.errors import ConfigurationError
    from iotstream.settings import Settings
    from iotstream.simulate import Connection

    mqtt = Settings.load(os.environ).mqtt
    place = certificates or (Path(mqtt.certificate_directory) if mqtt.certificate_directory else None)
    if not (host or mqtt.host) or place is None:
        raise ConfigurationError(
            "where to publish is not said: give --host and --certificates, or set IOTSTREAM_MQTT_HOST and "
            "IOTSTREAM_MQTT_CERTIFICATE_DIRECTORY (`iotstream local` writes them to its env file)"
        )
    authority = ca or (Path(mqtt.ca_file) if mqtt.ca_file else None)
    credentials = find_credentials(place, authority, names=device or [], count=devices)
    connection = Connection(
        host=host or mqtt.host, port=port or mqtt.port, credentials=credentials, topic=topic
    )
    if input_file is not None:
        from iotstream.simulate import recorded

        messages: Iterator[Message] = recorded(input_file, list(credentials), rate=rate * len(credentials))
    else:
        from iotstream.simulate import Fleet, readings

        messages = readings(
            Fleet(
                devices=list(credentials),
                rate=rate,
                start=dt.datetime.now(dt.UTC),
                seed=seed,
                duration_s=duration,
                bad_share=bad,
                packed_share=packed,
            )
        )
    result, stopped = asyncio.run(_publish(messages, connection, quiet=as_json))
    _show(result, as_json=as_json)
    endless = duration is None and input_file is None
    if stopped and not endless:
        raise typer.Exit(130)
    raise typer.Exit(0 if stopped or result.complete else 1)


async def _publish(
    messages: Iterator[Message], connection: object, *, quiet: bool
) -> tuple[PublishResult, bool]:
    """Publish until the end or a signal; whether a signal ended it."""
    from iotstream.simulate import Connection, publish

    assert isinstance(connection, Connection)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    result = await publish(messages, connection, stop=stop, on_progress=None if quiet else _report)
    return result, stop.is_set()


def _report(progress: PublishProgress) -> None:
    rate = progress.acknowledged / progress.elapsed_s if progress.elapsed_s else 0.0
    text = f"{progress.elapsed_s:6.1f} s  {progress.acknowledged:,} acknowledged  {rate:,.0f}/s"
    typer.echo(text, err=True)


def _show(result: PublishResult, *, as_json: bool) -> None:
    errors = {name: one.error for name, one in result.devices.items() if one.error}
    if as_json:
        facts = {"published": result.published, "acknowledged": result.acknowledged, "unsent": result.unsent}
        typer.echo(json.dumps({**facts, "complete": result.complete, "errors": errors}))
        return
    for name, error in errors.items():
        typer.echo(f"{name} gave up: {error}", err=True)
    typer.echo(
        f"{result.published:,} messages published, {result.acknowledged:,} acknowledged, "
        f"{result.unsent:,} not sent"
    )

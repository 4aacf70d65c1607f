"""`iotstream demo`: the whole pipeline on this machine, with a balance at the end."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from iotstream.demo.run import DemoResult
    from iotstream.demo.view import View


def demo(
    *,
    devices: Annotated[int, typer.Option(min=1, max=500, help="How many devices publish.")] = 40,
    rate: Annotated[float, typer.Option(min=0.01, help="Messages a second from each.")] = 4.0,
    bad: Annotated[float, typer.Option(min=0, max=1, help="Share of messages malformed on purpose.")] = 0.03,
    packed: Annotated[float, typer.Option(min=0, max=1, help="Share of messages with ten items.")] = 0.04,
    duration: Annotated[float, typer.Option(min=0.5, help="Seconds that the devices publish.")] = 12.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same readings.")] = 0,
    input_file: Annotated[
        Path | None,
        typer.Option(
            "--input", exists=True, dir_okay=False, help="Recorded messages: JSON lines, plain or gzip."
        ),
    ] = None,
    schema: Annotated[
        Path | None, typer.Option(help="Schema file of the messages. Default: the default schema.")
    ] = None,
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep the whole state there: lake, quarantine, Timestream, logs, report."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, max=50, help="Of the stream.")] = 2,
    backend: Annotated[str, typer.Option(help="The broker: auto, mosquitto or embedded.")] = "auto",
    live: Annotated[bool, typer.Option(help="A live table on a terminal, or plain lines.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout at the end.")] = False,
) -> None:
    """Let devices publish, and follow every item until SQL finds it.

    Devices (a certificate each) → MQTT broker on TLS → topic rules → Kinesis → event source mapping →
    Lambda handler → Timestream and the Parquet lake → Glue catalogue → SQL. Everything runs here, on
    127.0.0.1, and ends with the demo. At the end each published item must be a row of the lake or a dead
    letter, exactly as expected, or the exit status is 1.

        iotstream demo

        iotstream demo --devices 100 --rate 8 --bad 0.1 --duration 30 --keep my-demo

        iotstream demo --input messages.jsonl.gz --schema schema.toml
    """
    from iotstream.cli.local import stop_on_signals
    from iotstream.demo.options import DemoOptions
    from iotstream.demo.run import RECORDED_RATE, run_demo

    directory = keep or Path(tempfile.mkdtemp(prefix="iotstream-demo-"))
    options = DemoOptions(
        directory=directory.absolute(),
        devices=devices,
        rate=RECORDED_RATE if input_file else rate,
        bad=bad,
        packed=packed,
        duration_s=duration,
        seed=seed,
        input_file=input_file,
        schema=schema,
        shards=shards,
        backend=backend,
    )
    stop = stop_on_signals()
    view = _view(live=live and not as_json)
    try:
        result = run_demo(options, view, stop)
    finally:
        view.close()
    if as_json:
        typer.echo(json.dumps(_facts(result)))
    else:
        _show(result, directory)
    if result.interrupted:
        raise typer.Exit(130)
    raise typer.Exit(0 if result.ok else 1)


def _view(*, live: bool) -> View:
    from rich.console import Console

    from iotstream.demo.view import LiveView, PlainView

    console = Console(stderr=True)
    return LiveView(console, "iotstream demo") if live and console.is_terminal else PlainView(sys.stderr)


def _facts(result: DemoResult) -> dict[str, object]:
    drawn = result.balance
    return {
        "published": drawn.published,
        "rows": drawn.rows,
        "dead_letters": drawn.dead_letters,
        "duplicates": drawn.duplicates,
        "points": result.points,
        "reasons": dict(drawn.by_reason),
        "lake": str(result.lake),
        "quarantine": str(result.quarantine),
        "report": str(result.report),
        "proved": result.proved,
        "problems": result.problems,
        "interrupted": result.interrupted,
        "ok": result.ok,
    }


def _show(result: DemoResult, directory: Path) -> None:
    from iotstream.cli.output import print_table

    drawn = result.balance
    for answer in result.answers:
        typer.echo()
        print_table(answer.columns, answer.rows, title=f"{answer.question} ({answer.total} rows; some shown)")
        typer.echo(f"  {answer.sql}")
    typer.echo()
    reasons = ", ".join(f"{reason} {count}" for reason, count in drawn.by_reason.items())
    typer.echo(f"published     {drawn.published:>8,} items")
    typer.echo(f"rows          {drawn.rows:>8,} in the lake, {result.points:,} points in Timestream")
    typer.echo(f"dead letters  {drawn.dead_letters:>8,} {f'({reasons})' if reasons else ''}")
    if drawn.duplicates:
        typer.echo(f"doubles       {drawn.duplicates:>8,} delivered twice before the stream (MQTT QoS 1)")
    if result.ok:
        typer.echo("The balance holds: every item is accounted for.")
        if result.proved:
            typer.echo("The audit proves it of the lake: every record of the stream once.")
    else:
        typer.echo("The balance does not hold:")
        for problem in result.problems:
            typer.echo(f"  {problem}")
    typer.echo(f"\nreport  {result.report}\nstate   {directory}")

"""`iotstream audit`: the proof that the lake holds every record, once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from iotstream.cli.lakes import LakeOption, QuarantineOption, RunOption

if TYPE_CHECKING:
    from iotstream.audit import Finding, Report


def audit(
    *,
    deep: Annotated[bool, typer.Option(help="Read every object: count and hash its rows again.")] = False,
    stream: Annotated[
        bool, typer.Option(help="Decode again what the stream still keeps, and compare.")
    ] = False,
    lake: LakeOption = "",
    quarantine: QuarantineOption = "",
    run: RunOption = "",
    shard: Annotated[
        list[str] | None, typer.Option(help="Only this shard; may be repeated.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object on stdout, for scripts.")] = False,
) -> None:
    """Check that the lake holds every record of every shard, once and unaltered.

    It walks the manifests of each shard, and compares them with the objects, the dead letters and, where
    `journal.uri` is set, with the journal. It changes nothing; consumers may go on meanwhile. For example:

        iotstream audit --lake s3://my-lake/telemetry

        iotstream audit --deep --stream --json

    Exit status 0 if nothing is wrong, 1 if there is a finding. docs/audit.md says what each of them means.
    """
    from iotstream.audit import audit as check
    from iotstream.cli.lakes import (
        journal_of,
        open_stores,
        progress_bar,
        settings_of,
        stream_of,
    )
    from iotstream.stream_reader import StreamReader

    settings = settings_of(lake, quarantine, run)
    backoff = settings.retry.backoff()
    store, letters = open_stores(settings, backoff)
    reader = StreamReader.open(backoff=backoff) if stream else None
    with journal_of(settings, backoff) as journal, progress_bar() as progress:
        report = check(
            store,
            letters,
            journal=journal,
            reader=reader,
            deep=deep,
            stream=stream,
            shards=shard or (),
            configured=lambda: stream_of(settings, backoff),
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2, ensure_ascii=False))
    else:
        _show(report)
    raise typer.Exit(0 if report.ok else 1)


def _show(report: Report) -> None:
    from iotstream.audit.findings import REMEDIES
    from iotstream.audit.report import iso
    from iotstream.cli.output import print_table

    if report.shards:
        print_table(
            ["shard", "spans", "proved", "until", "arrived"],
            [
                [one.shard, one.spans, one.proved_spans, one.proved_until, iso(one.proved_until_ms)]
                for one in report.shards
            ],
        )
    if report.findings:
        print_table(["finding", "shard", "where", "what"], _rows(report.findings))
        for code in sorted({one.code for one in report.findings}):
            typer.echo(f"{code}: {REMEDIES[code]}")
    if report.notes:
        print_table(["note", "shard", "where", "what"], _rows(report.notes))
    for name, value in vars(report.totals).items():
        typer.echo(f"{name.replace('_', ' ')}: {value:,}")
    typer.echo(_verdict(report))


def _rows(findings: list[Finding]) -> list[list[str]]:
    return [[str(one.code), one.shard, one.key, one.message] for one in findings]


def _verdict(report: Report) -> str:
    if not report.ok:
        return f"not right: {len(report.findings)} findings"
    depth = " --deep" * report.deep + " --stream" * report.stream
    if report.proved:
        return f"proved{' by' if depth else ''}{depth}: every record once, from the lake's beginning on"
    return "nothing is wrong, but not all is proved: see the notes"

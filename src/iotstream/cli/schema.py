"""`iotstream schema`: look at a schema file, compare two, and export what others need of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

schema = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="Look at a schema file, compare two, export JSON Schema, Glue's table, a page of docs.",
)
File = Annotated[Path | None, typer.Argument(help="The schema file. Default: the default schema.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON on stdout, for scripts.")]


@schema.command()
def show(file: File = None, as_json: Json = False) -> None:
    """Check a schema file and print its fields.

    For example: `iotstream schema show examples/environmental-sensors/schema.toml`
    """
    from iotstream.schema import Schema

    found = Schema.load(file)
    fields = [
        {
            "name": one.name,
            "source": list(one.source),
            "type": str(one.type),
            "role": str(one.role),
            "unit": one.unit,
            "required": not one.may_be_absent,
        }
        for one in found.fields
    ]
    if as_json:
        facts = {"name": found.name, "version": found.version, "fingerprint": found.fingerprint}
        _print_json({**facts, "limits": vars(found.limits), "fields": fields})
        return
    from iotstream.cli.output import print_table

    title = f"{found.name}, version {found.version}, fingerprint {found.fingerprint}"
    rows = [[".".join(cell) if isinstance(cell, list) else cell for cell in one.values()] for one in fields]
    print_table(list(fields[0]), rows, title=title)


@schema.command()
def check(
    old: Annotated[Path, typer.Argument(help="The schema file as it is in use.")],
    new: Annotated[Path, typer.Argument(help="The schema file as it shall be.")],
    as_json: Json = False,
) -> None:
    """Say whether a change of the schema is compatible; exit status 1 if it breaks something.

    It *breaks readers* (of the lake, of Timestream) to remove or rename a column or to change its type,
    role or unit. It *breaks devices*, whose messages were taken until now, to move a source, to require
    a field, or to tighten a bound.

    For example: `git show main:schema.toml > old.toml; iotstream schema check old.toml schema.toml`
    """
    from iotstream.schema import Schema
    from iotstream.schema_changes import changes, compatible

    found = changes(Schema.load(old), Schema.load(new))
    fits = compatible(found)
    if as_json:
        _print_json({"compatible": fits, "changes": [change._asdict() for change in found]})
    else:
        from iotstream.cli.output import print_table

        rows = [
            [change.field, change.key, change.old, change.new, change.breaks, change.detail]
            for change in found
        ]
        if rows:
            print_table(["field", "key", "old", "new", "breaks", "what it means"], rows)
        typer.echo("compatible" if fits else "not compatible", err=not fits)
    raise typer.Exit(0 if fits else 1)


@schema.command("json-schema")
def json_schema_(file: File = None) -> None:
    """Print the JSON Schema (2020-12) of one message, for those who make devices.

    For example: `iotstream schema json-schema > telemetry.schema.json`
    """
    from iotstream.schema import Schema
    from iotstream.schema_exports import json_schema

    _print_json(json_schema(Schema.load(file)))


@schema.command()
def glue(
    file: File = None,
    location: Annotated[
        str, typer.Option(help="Where the data is: the lake's prefix and `data/`.")
    ] = "s3://BUCKET/PREFIX/data/",
    table: Annotated[str, typer.Option(help="The table's name.")] = "iot_table",
) -> None:
    """Print Glue's table (columns, partition keys, partition projection) as JSON, for Terraform or the SDK.

    For example: `iotstream schema glue --location s3://my-lake/iot/data/ > glue-table.json`, then
    `aws glue create-table --database-name iot_database --table-input file://glue-table.json`
    """
    from iotstream.schema import Schema
    from iotstream.schema_exports import glue_table

    _print_json(glue_table(Schema.load(file), name=table, location=location))


@schema.command()
def docs(file: File = None) -> None:
    """Print a page of Markdown about the fields and their rules.

    For example: `iotstream schema docs > docs/telemetry.md`
    """
    from iotstream.schema import Schema
    from iotstream.schema_exports import markdown

    typer.echo(markdown(Schema.load(file)), nl=False)


def _print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))

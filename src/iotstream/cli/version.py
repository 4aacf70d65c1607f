"""`iotstream version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from typing import Annotated

import typer

_SHOWN = ("pyarrow", "orjson", "msgspec", "obstore", "boto3", "duckdb", "moto", "awslambdaric")


def version(
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON object on stdout.")] = False,
) -> None:
    """Print the version, and those of what it stands on.

    For example: `iotstream version --json | jq -r .iotstream`
    """
    from iotstream.decode import decoder

    found = {
        "iotstream": version_of("iotstream"),
        "decoder": decoder(),
        "python": platform.python_version(),
    }
    found |= {name: installed for name in _SHOWN if (installed := _installed(name))}
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name} {value}")


def _installed(name: str) -> str | None:
    try:
        return version_of(name)
    except PackageNotFoundError:
        return None

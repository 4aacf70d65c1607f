"""The command `iotstream`. What is wrong is said in one line on stderr; the exit status is then 1."""

from __future__ import annotations

import sys

from iotstream.errors import IotstreamError, MissingDependencyError

# Which extra brings a module that may be missing.
_EXTRAS = {
    "typer": "cli",
    "rich": "cli",
    "boto3": "aws",
    "botocore": "aws",
    "obstore": "aws",
    "awswrangler": "athena",
    "amazon_kclpy": "kcl",
    "aiobotocore": "direct",
    "prometheus_client": "kcl",
    "aiomqtt": "simulate",
    "paho": "simulate",
}
_ANY_OTHER = "local"


def main() -> None:
    """Run the command line; the process ends with its exit status."""
    try:
        from iotstream.cli.app import app

        app()
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "iotstream":
            raise
        _fail(missing(error.name or "a module"))
    except IotstreamError as error:
        _fail(error)


def missing(module: str) -> MissingDependencyError:
    """What to say when that module is not installed."""
    name = module.partition(".")[0]
    extra = _EXTRAS.get(name, _ANY_OTHER)
    return MissingDependencyError(f"{name} is not installed: pip install 'iotstream[{extra}]'")


def _fail(error: Exception) -> None:
    sys.stderr.write(f"iotstream: {error}\n")
    sys.exit(1)

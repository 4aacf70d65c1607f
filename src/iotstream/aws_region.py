"""The AWS region, as the environment says it."""

from __future__ import annotations

from collections.abc import Mapping


def region_of(environ: Mapping[str, str]) -> str | None:
    """The region by the variables; None leaves it to the SDK's files. Botocore reads only the second."""
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None

"""Zips whose bytes depend on nothing but names, contents and the right to run."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from artefacts.tools import PackageError

ZIPPED_LIMIT = 60_000_000
"""Our own: what is larger starts slowly. Lambda takes 50 MB directly, more by way of S3."""
UNZIPPED_LIMIT = 250_000_000
"""Function and layers together: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""
_TIME = (1980, 1, 1, 0, 0, 0)
"""A zip's first moment."""
_UNIX = 3
_LEVEL = 6
"""The highest, 9, takes three times as long to save 0.6 %."""


class Archive(NamedTuple):
    """A written zip.

    Attributes:
        path: where it is.
        zipped, unzipped: bytes.
        sha256: of the file, hexadecimal.
    """

    path: Path
    zipped: int
    unzipped: int
    sha256: str


def write(path: Path, files: Mapping[str, Path]) -> Archive:
    """Write a zip; it is there whole, or not at all.

    Args:
        path: of the zip.
        files: the name in the zip, with slashes, and where the content is.

    Raises:
        PackageError: it is larger than Lambda or we allow; then it isn't kept.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    unzipped = 0
    try:
        with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
            for name in sorted(files):
                content = files[name].read_bytes()
                unzipped += len(content)
                archive.writestr(_entry(name, runs=os.access(files[name], os.X_OK)), content)
        _check(path, part.stat().st_size, unzipped)
        digest = hashlib.sha256(part.read_bytes()).hexdigest()
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return Archive(path, path.stat().st_size, unzipped, digest)


def files_below(directory: Path, prefix: str = "") -> dict[str, Path]:
    """All files of a directory by the names that they get in a zip."""
    return {
        prefix + path.relative_to(directory).as_posix(): path
        for path in directory.rglob("*")
        if path.is_file()
    }


def extract(archive: Path, directory: Path) -> None:
    """Unzip as Lambda does: with the right to run."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            Path(opened.extract(entry, directory)).chmod(entry.external_attr >> 16 & 0o777)


def _entry(name: str, *, runs: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, _TIME)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _UNIX
    entry.external_attr = (0o100755 if runs else 0o100644) << 16
    return entry


def _check(path: Path, zipped: int, unzipped: int) -> None:
    for what, size, limit in (("zipped", zipped, ZIPPED_LIMIT), ("unzipped", unzipped, UNZIPPED_LIMIT)):
        if size > limit:
            raise PackageError(
                f"{path.name}: {size / 1e6:.1f} MB {what}, at most {limit / 1e6:.0f} MB. "
                "What is left out is listed in scripts/artefacts/contents.py"
            )

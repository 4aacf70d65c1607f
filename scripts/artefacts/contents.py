"""What of the installed distributions a Lambda doesn't need, and why.

Each row was decided by what the handlers load; tests/package starts them from what is left, and refuses rows
that match nothing any more.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from artefacts import elf
from artefacts.tools import PackageError

HANDLERS = ("firehose_transform.py", "kinesis_lambda.py", "raw-runtime")
"""Of `handlers/`; the consumer by KCL is a container's."""

SERVICES = ("dynamodb", "kinesis", "secretsmanager", "sts", "timestream-write")
"""Whose descriptions botocore keeps: journal, recovery, InfluxDB's token, credentials, Timestream."""

DROPPED: tuple[tuple[str, str], ...] = (
    ("bin/*", "command lines"),
    ("*.pyi", "for type checkers"),
    ("*/py.typed", "for type checkers"),
    ("*.pxd", "for Cython"),
    ("*.pyx", "for Cython"),
    ("*.pxi", "for Cython"),
    ("pyarrow/include/*", "C++ headers"),
    ("pyarrow/includes/*", "for Cython"),
    ("pyarrow/src/*", "C++ sources"),
    ("pyarrow/tests/*", "tests"),
    ("pyarrow/_azurefs.*", "file systems: objects go through obstore"),
    ("pyarrow/_gcsfs.*", "file systems"),
    ("pyarrow/_hdfs.*", "file systems"),
    ("pyarrow/_s3fs.*", "file systems"),
    ("pyarrow/_csv.*", "formats that nothing reads or writes"),
    ("pyarrow/_feather.*", "formats"),
    ("pyarrow/_json.*", "formats"),
    ("pyarrow/_orc.*", "formats"),
    ("pyarrow/_dataset*", "queries over files"),
    ("pyarrow/_flight.*", "RPC; its library is the second largest"),
    ("pyarrow/_substrait.*", "query plans"),
    ("pyarrow/_parquet_encryption.*", "nothing is encrypted by the client"),
    ("pyarrow/_pyarrow_cpp_tests.*", "tests"),
    ("boto3/data/*", "boto3's resources: only clients are used"),
    ("boto3/examples/*", "documentation"),
    ("botocore/data/*/examples-1.json*", "documentation"),
    ("iotstream/_handlers/*", "the handlers, which are at the top"),
    ("iotstream/cli/*", "the command line"),
    ("iotstream/demo/*", "the demonstration"),
    ("iotstream/local/*", "the local stack"),
    ("iotstream/report/*", "the demonstration's page"),
    ("iotstream/simulate/*", "devices"),
    ("iotstream/sources/direct/*", "the long-running consumers"),
    ("iotstream/sources/kcl/*", "the long-running consumers"),
)
"""Patterns of paths; a `*` takes slashes too."""

SYSTEM_LIBRARIES = frozenset(
    f"{name}.so.{version}"
    for name, version in (
        ("ld-linux-x86-64", 2),
        ("ld-linux-aarch64", 1),
        ("libc", 6),
        ("libdl", 2),
        ("libgcc_s", 1),
        ("libm", 6),
        ("libpthread", 0),
        ("librt", 1),
        ("libstdc++", 6),
    )
)
"""What every manylinux system has: https://peps.python.org/pep-0599/#the-manylinux2014-policy"""


class Stripped(NamedTuple):
    """What was left out.

    Attributes:
        files, size: how many, and their bytes.
        unused: the patterns that matched nothing.
    """

    files: int
    size: int
    unused: tuple[str, ...]


def strip(directory: Path, architecture: str) -> Stripped:
    """Remove what a Lambda doesn't need from a directory of installed distributions.

    Args:
        directory: with the distributions, as on `sys.path`.
        architecture: `x86_64` or `aarch64`.

    Raises:
        PackageError: what is left would not load: a library is missing, or is another machine's.
    """
    used: set[str] = set()
    files, size = 0, 0
    for path in sorted(directory.rglob("*")):
        if path.is_file() and (reasons := _reasons(path.relative_to(directory).as_posix())):
            used.update(reasons)
            files, size = files + 1, size + path.stat().st_size
            path.unlink()
    for path in _unneeded_libraries(directory, architecture):
        files, size = files + 1, size + path.stat().st_size
        path.unlink()
    for path in sorted(directory.rglob("*/"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    unused = tuple(pattern for pattern, _ in DROPPED if pattern not in used)
    return Stripped(files, size, unused)


def _reasons(name: str) -> list[str]:
    """The patterns, or the rules below, that want a file away."""
    found = [pattern for pattern, _ in DROPPED if fnmatchcase(name, pattern)]
    parts = name.split("/")
    if parts[0].endswith(".dist-info") and not _kept_metadata(parts):
        found.append("dist-info")
    if parts[:2] == ["botocore", "data"] and len(parts) > 3 and parts[2] not in SERVICES:
        found.append("services")
    return found


def _kept_metadata(parts: list[str]) -> bool:
    """`importlib.metadata` reads METADATA; licences want to go where their software goes."""
    return parts[1] == "METADATA" or "licenses" in parts or parts[1].startswith(("LICENSE", "NOTICE"))


def _unneeded_libraries(directory: Path, architecture: str) -> list[Path]:
    """The shared libraries that no extension module brings with it, through others either."""
    found = {path: elf.read(path) for path in sorted(directory.rglob("*.so*")) if path.is_file()}
    libraries = {path: one for path, one in found.items() if one is not None}
    for path, one in libraries.items():
        if one.machine != architecture:
            raise PackageError(f"{path.relative_to(directory)} is for {one.machine}, not for {architecture}")
    by_name = {path.name: path for path in libraries}
    wanted = [path for path in libraries if _is_extension(path)]
    kept: set[Path] = set()
    while wanted:
        path = wanted.pop()
        if path in kept:
            continue
        kept.add(path)
        for name in libraries[path].needed:
            if name in by_name:
                wanted.append(by_name[name])
            elif name not in SYSTEM_LIBRARIES:
                raise PackageError(f"{path.relative_to(directory)} needs {name}, which is nowhere")
    return [path for path in libraries if path not in kept]


def _is_extension(path: Path) -> bool:
    """Whether Python imports it: `lib.cpython-312-aarch64-linux-gnu.so`, `_obstore.abi3.so`."""
    return path.name.endswith(".so") and any(mark in path.name for mark in (".cpython-", ".abi3."))

#!/usr/bin/env python3
"""Build what is deployed: wheels, and the Lambda's zips.

  make package                                   everything, into dist/
  make package ARGS="--python 3.13 --architecture arm64"
  make package ARGS="--layer"                    a layer, and a zip with the handlers alone
  make package ARGS="--cold 9"                   and measure a cold start from this machine's zip
  make package ARGS="--kernel-wheels DIR"        take the compiled kernel from there
  make package ARGS="--kernel require"           fail where it can't be compiled

The kernel's wheels need a Rust toolchain; the C compiler for both architectures comes from PyPI (ziglang),
the standard library of the other one from rustup. Where they can't be had, a line says so, and the zip is
without the kernel: the handler then decodes in Python. docs/packaging.md has the rest.
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from artefacts import archive, contents, trees, trial, wheels
from artefacts.tools import ROOT, PackageError, interpreter, say

LAMBDA_PYTHONS = ("3.12", "3.13", "3.14")
"""Managed runtimes on Amazon Linux 2023. The one for 3.11 has a C library too old for pyarrow's wheels."""
MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
"""Lambda's names of architectures, and those of wheels."""
HOST = {"arm64": "aarch64", "amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
LAYER_PREFIX = "python/"
"""Where Lambda looks in a layer: https://docs.aws.amazon.com/lambda/latest/dg/python-layers.html"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Build; the exit status."""
    options = _parser().parse_args(arguments)
    try:
        _build(options)
    except PackageError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="package.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=ROOT / "dist", metavar="DIR", help="where to (dist)")
    parser.add_argument(
        "--python", type=_version, default=LAMBDA_PYTHONS[0], metavar="X.Y", help="the Lambda's Python (3.12)"
    )
    parser.add_argument(
        "--architecture",
        action="append",
        choices=sorted(MACHINES),
        help="of the Lambda, and of the kernel; may be given twice (both)",
    )
    parser.add_argument(
        "--kernel",
        choices=("auto", "require", "off"),
        default="auto",
        help="auto: with the compiled kernel where it can be compiled; require: fail where not; off: without",
    )
    parser.add_argument(
        "--kernel-wheels",
        type=Path,
        metavar="DIR",
        help="take the kernel's wheels from there; nothing is compiled",
    )
    parser.add_argument("--layer", action="store_true", help="two zips: a layer, and the handlers alone")
    parser.add_argument(
        "--no-trial", action="store_true", help="don't start the arm64 artefact under an emulator"
    )
    parser.add_argument(
        "--cold",
        type=_count,
        metavar="RUNS",
        help="measure the cold start of this machine's zip; medians of RUNS",
    )
    return parser


def _version(text: str) -> str:
    if not re.fullmatch(r"3\.\d+", text) or int(text[2:]) < 11:
        raise argparse.ArgumentTypeError(f"{text!r}: a version like 3.12 is expected, 3.11 or later")
    return text


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of runs is expected, 1 or more")
    return int(text)


def _build(options: argparse.Namespace) -> None:
    architectures = options.architecture or sorted(MACHINES)
    own = [name for name in architectures if MACHINES[name] == HOST]
    if options.cold and not own:
        raise PackageError(f"--cold starts the zip, which takes one for this machine ({HOST})")
    if options.cold and options.layer:
        raise PackageError("--cold starts the whole zip: without --layer")
    if options.python not in LAMBDA_PYTHONS:
        say(f"note: Lambda's managed runtimes that this runs on have Python {', '.join(LAMBDA_PYTHONS)}")
    options.out.mkdir(parents=True, exist_ok=True)
    project = wheels.project_wheel(options.out)
    _tell("wheel", project)
    for name in architectures:
        kernel = _kernel(options, name)
        chosen = [project] if kernel is None else [project, kernel]
        if MACHINES[name] != HOST and name == "arm64" and not options.no_trial:
            _try_arm64(chosen)
        zipped = _lambda(options, name, chosen)
        if options.cold and name in own:
            _cold(options, zipped)


def _kernel(options: argparse.Namespace, architecture: str) -> Path | None:
    """The kernel's wheel; None where there is to be none, or can be none."""
    if options.kernel == "off":
        return None
    machine = MACHINES[architecture]
    began = time.monotonic()
    try:
        if options.kernel_wheels is not None:
            wheel = wheels.find_kernel_wheel(machine, options.kernel_wheels)
        else:
            say(f"kernel for {architecture}: compiling (half a minute when it is new) …")
            wheel = wheels.kernel_wheel(machine, options.out)
    except wheels.KernelNotBuilt as error:
        if options.kernel == "require":
            raise
        say(f"kernel for {architecture}: not built, the handler decodes in Python: {error}")
        return None
    _tell("wheel", wheel, f", {time.monotonic() - began:.0f} s")
    return wheel


def _try_arm64(chosen: Sequence[Path]) -> None:
    """Start what goes into the zip on an emulated machine, with the Python that can be had for it."""
    try:
        emulator = trial.arm64_emulator()
    except PackageError as error:
        say(f"trial on arm64: none: {str(error).splitlines()[-1]}")
        return
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        trees.install(tree, architecture=MACHINES["arm64"], python=emulator.python, wheels=chosen)
        facts = trial.start(emulator.command, tree)
    say(
        f"trial on {facts['machine']}, emulated, Python {facts['python']}: {facts['rows']} rows and "
        f"{facts['dead_letters']} dead letter written; decoder: {facts['decoder']}"
    )


def _lambda(options: argparse.Namespace, architecture: str, chosen: Sequence[Path]) -> Path:
    """The zip with everything, or with --layer the handlers' beside the layer."""
    name = f"iotstream-{{}}-python{options.python}-{architecture}.zip"
    with tempfile.TemporaryDirectory() as directory:
        tree = Path(directory)
        left_out = trees.install(
            tree, architecture=MACHINES[architecture], python=options.python, wheels=chosen
        )
        if not trees.compile_bytecode(tree, options.python):
            say(
                f"note: this machine has no CPython {options.python} to compile bytecode with: each cold "
                "start compiles the modules itself (some 120 ms)"
            )
        files = archive.files_below(tree)
        parts = split(files) if options.layer else {"lambda": files}
        written = [archive.write(options.out / name.format(part), inside) for part, inside in parts.items()]
    for one in written:
        zipped = f"{one.zipped / 1e6:.1f} MB (at most {archive.ZIPPED_LIMIT / 1e6:.0f})"
        unzipped = f"{one.unzipped / 1e6:.1f} MB (at most {archive.UNZIPPED_LIMIT / 1e6:.0f})"
        say(f"zip    {one.path}: {zipped}, unzipped {unzipped}, sha256 {one.sha256}")
    say(f"       left out: {left_out.files} files, {left_out.size / 1e6:.0f} MB")
    return written[0].path


def split(files: Mapping[str, Path]) -> dict[str, dict[str, Path]]:
    """What goes into the layer, and what into the function's own zip: the handlers."""
    return {
        "layer": {LAYER_PREFIX + name: path for name, path in files.items() if name not in contents.HANDLERS},
        "handlers": {name: files[name] for name in contents.HANDLERS},
    }


def _cold(options: argparse.Namespace, zipped: Path) -> None:
    python = interpreter(options.python)
    if python is None:
        raise PackageError(
            f"--cold: this machine has no CPython {options.python} to start {zipped.name} with"
        )
    cold = trial.cold_start(zipped, python, options.cold)
    say(
        f"cold start of {zipped.name}, median of {cold.runs}: import {cold.import_ms:.0f} ms, to the first "
        f"event's answer {cold.first_record_ms:.0f} ms (CPU {cold.cpu_ms:.0f} ms); decoder: {cold.decoder}"
    )


def _tell(what: str, path: Path, more: str = "") -> None:
    say(f"{what}  {path}: {path.stat().st_size / 1e6:.2f} MB{more}")


if __name__ == "__main__":
    sys.exit(main())

"""The project's wheel, and the compiled kernel's for both of Lambda's architectures."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from artefacts.tools import BUILD, ROOT, PackageError, run, uv

MATURIN = "maturin==1.16.0"
ZIGLANG = "ziglang==0.17.0"
"""Zig's C compiler is the linker: it knows the symbols of old C libraries, and of other machines."""
CRATE = ROOT / "native"
KERNEL = "iotstream_native"
_EPOCH = "315532800"
"""1980-01-01, a zip's first moment: what is built twice is the same."""


class KernelNotBuilt(PackageError):  # noqa: N818 - most say it in a line, and go on
    """This machine can't compile it; everything works without, more slowly."""


def project_wheel(out: Path) -> Path:
    """Build `iotstream`, which is pure Python, into a directory."""
    uv("build", "--wheel", "--out-dir", out, "--quiet", ROOT, environment={"SOURCE_DATE_EPOCH": _EPOCH})
    return _newest(out, "iotstream-*-py3-none-any.whl")


def kernel_wheel(architecture: str, out: Path) -> Path:
    """Compile the kernel for manylinux2014, for CPython 3.11 and later.

    Args:
        architecture: `x86_64` or `aarch64`.
        out: the wheel's directory.

    Raises:
        KernelNotBuilt: there is no Rust toolchain, or it has no standard library for the architecture.
        PackageError: it doesn't compile.
    """
    if shutil.which("cargo") is None:
        raise KernelNotBuilt("there is no Rust toolchain (https://rustup.rs)")
    target = f"{architecture}-unknown-linux-gnu"
    environment = {
        "SOURCE_DATE_EPOCH": _EPOCH,
        "RUSTC": _rustc(target),
        # The binary tells nobody where it was built.
        "RUSTFLAGS": " ".join(
            f"--remap-path-prefix={path}={name}"
            for path, name in ((_cargo_home(), "cargo"), (ROOT, "iotstream"))
        ),
    }
    maturin = ["tool", "run", "--quiet", "--from", MATURIN, "--with", ZIGLANG, "maturin"]
    options = ["--release", "--locked", "--zig", "--compatibility", "manylinux2014"]
    places: list[str | Path] = [
        "--manifest-path",
        CRATE / "Cargo.toml",
        "--target-dir",
        BUILD / "native",
        "--out",
        out,
    ]
    uv(*maturin, "build", *options, "--target", target, *places, environment=environment)
    return find_kernel_wheel(architecture, out)


def find_kernel_wheel(architecture: str, directory: Path) -> Path:
    """The newest wheel of the kernel in a directory.

    Raises:
        KernelNotBuilt: there is none for the architecture.
    """
    try:
        return _newest(directory, f"{KERNEL}-*manylinux*_{architecture}.whl")
    except PackageError as error:
        raise KernelNotBuilt(str(error)) from None


def _rustc(target: str) -> str:
    """A compiler with the standard library of the target."""
    try:
        return run([ROOT / "scripts/install-rust-target", target, BUILD / "rust"], cwd=CRATE).strip()
    except PackageError as error:
        raise KernelNotBuilt(str(error).splitlines()[-1]) from None


def _cargo_home() -> Path:
    return Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")


def _newest(directory: Path, pattern: str) -> Path:
    found = sorted(directory.glob(pattern), key=lambda path: path.stat().st_mtime)
    if not found:
        raise PackageError(f"no {pattern} in {directory}")
    return found[-1]

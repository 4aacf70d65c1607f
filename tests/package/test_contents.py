"""What is left out, and that what is left holds together."""

import shutil
import subprocess
from pathlib import Path

import pyarrow as pa
import pytest
from artefacts import contents, elf
from artefacts.tools import PackageError
from artefacts.trees import install

import needs
from package import HOST

ARROW = Path(pa.__file__).parent


def arrow_in(directory, *patterns):
    """A copy of some of pyarrow's files, for spoiling."""
    (directory / "pyarrow").mkdir()
    for pattern in patterns:
        for path in ARROW.glob(pattern):
            shutil.copy(path, directory / "pyarrow")
    return directory


def test_a_library_is_read_as_readelf_reads_it():
    if shutil.which("readelf") is None:
        needs.missing("readelf is not installed (apt-get install binutils)")
    paths = sorted(ARROW.glob("*.so*"))
    assert paths
    for path in paths:
        printed = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True).stdout
        needed = tuple(line.split("[")[1].rstrip("]") for line in printed.splitlines() if "(NEEDED)" in line)
        assert elf.read(path) == (HOST, needed)


def test_what_is_no_library_is_none_and_a_broken_one_an_error(tmp_path):
    (tmp_path / "a.so").write_text("INPUT(libarrow.so.2500)")
    assert elf.read(tmp_path / "a.so") is None
    (tmp_path / "b.so").write_bytes(next(ARROW.glob("lib.*.so")).read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"b\.so: a broken ELF file"):
        elf.read(tmp_path / "b.so")


def test_a_library_that_nothing_loads_goes_and_those_that_are_needed_stay(tmp_path):
    tree = arrow_in(tmp_path, "lib.*.so", "libarrow*.so.*", "libparquet.so.*")
    left_out = contents.strip(tree, HOST)
    left = {path.name for path in (tree / "pyarrow").iterdir()}
    assert left_out.files > 0
    assert not any("flight" in name for name in left)
    # It is needed by `lib`, though nothing of ours calls it.
    assert any(name.startswith("libarrow_substrait.so.") for name in left)


def test_a_missing_library_is_named(tmp_path):
    tree = arrow_in(tmp_path, "lib.*.so", "libarrow*.so.*")
    with pytest.raises(PackageError, match=r"needs libparquet\.so\.\d+, which is nowhere"):
        contents.strip(tree, HOST)


def test_another_machines_library_is_refused(tmp_path):
    tree = arrow_in(tmp_path, "lib.*.so")
    other = "aarch64" if HOST == "x86_64" else "x86_64"
    with pytest.raises(PackageError, match=f"is for {HOST}, not for {other}"):
        contents.strip(tree, other)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_both_architectures_hold_together_and_every_row_of_the_table_is_used(tmp_path, machine, wheel):
    left_out = install(tmp_path / "tree", architecture=machine, python="3.12", wheels=[wheel])
    assert left_out.unused == ()
    services = {path.name for path in (tmp_path / "tree/botocore/data").iterdir() if path.is_dir()}
    assert services == set(contents.SERVICES)
    # Licences go where their software goes.
    assert list((tmp_path / "tree").glob("pyarrow-*.dist-info/licenses/*"))
    names = [path.name for path in (tmp_path / "tree").rglob("*.so*")]
    assert not [name for name in names if "flight" in name or "dataset.cpython" in name]

"""Zips: same input, same bytes; too large is refused."""

import os
import zipfile

import pytest
from artefacts import archive
from artefacts.tools import PackageError
from hypothesis import given
from hypothesis import strategies as st

NAMES = st.from_regex(r"[a-z]{1,6}(/[a-z]{1,6}){0,2}\.py", fullmatch=True)


def tree(directory, files, *, time=0):
    for name, (content, runs) in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o700 if runs else 0o604)
        os.utime(path, (time, time))
    return archive.files_below(directory)


@given(st.dictionaries(NAMES, st.tuples(st.binary(max_size=200), st.booleans()), min_size=1, max_size=8))
def test_bytes_depend_on_names_contents_and_the_right_to_run(tmp_path_factory, files):
    directory = tmp_path_factory.mktemp("zip")
    one = archive.write(directory / "one.zip", tree(directory / "a", files, time=1_000_000_000))
    backwards = dict(reversed(files.items()))
    two = archive.write(directory / "two.zip", tree(directory / "b", backwards, time=1_700_000_000))
    assert one.sha256 == two.sha256
    archive.extract(one.path, directory / "out")
    for name, (content, runs) in files.items():
        path = directory / "out" / name
        assert path.read_bytes() == content
        assert path.stat().st_mode & 0o777 == (0o755 if runs else 0o644)


@pytest.mark.parametrize(("what", "limit"), [("zipped", "ZIPPED_LIMIT"), ("unzipped", "UNZIPPED_LIMIT")])
def test_what_is_too_large_is_refused_and_leaves_nothing(tmp_path, monkeypatch, what, limit):
    files = tree(tmp_path / "a", {"a.py": (b"x" * 1000, False)})
    monkeypatch.setattr(archive, limit, 10)
    with pytest.raises(PackageError, match=rf"big\.zip: 0\.0 MB {what}, at most"):
        archive.write(tmp_path / "big.zip", files)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_zip_that_is_there_stays_when_the_new_one_fails(tmp_path, monkeypatch):
    files = tree(tmp_path / "a", {"a.py": (b"x", False)})
    before = archive.write(tmp_path / "one.zip", files)
    monkeypatch.setattr(archive, "UNZIPPED_LIMIT", 0)
    with pytest.raises(PackageError):
        archive.write(tmp_path / "one.zip", files)
    assert zipfile.ZipFile(before.path).namelist() == ["a.py"]

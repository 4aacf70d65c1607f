"""`Mirror`: a bucket's objects as files in a directory, so that they outlive the local stack's S3."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import obstore
from obstore.store import LocalStore, ObjectStore

from iotstream.errors import LocalStackError


class _Seen(NamedTuple):
    size: int
    tag: str | None


class Mirror:
    """Copies what is new in a store to a directory, as often as it is asked.

    Args:
        store: the bucket, with its prefix.
        directory: gets a file for each key; made if need be.
    """

    def __init__(self, store: ObjectStore, directory: Path) -> None:
        self.directory = directory
        self._store = store
        self._files = LocalStore(directory, mkdir=True)
        self._seen: dict[str, _Seen] = {}

    def restore(self) -> int:
        """Put the directory's files into the store; how many there are. For a stack that starts again."""
        files = _list(self._files)
        for key in files:
            obstore.put(self._store, key, obstore.get(self._files, key).bytes())
        self._seen = _list(self._store)
        return len(files)

    def poll(self) -> list[Path]:
        """Copy the objects that are new or changed since the last time; their files."""
        new = {key: seen for key, seen in _list(self._store).items() if self._seen.get(key) != seen}
        for key in new:
            obstore.put(self._files, key, obstore.get(self._store, key).bytes())
        self._seen |= new
        return [self.directory / key for key in new]

    def finish(self) -> int:
        """Copy the rest, and make sure that all is there; the number of objects.

        Raises:
            LocalStackError: a file is missing or of another size; it is named.
        """
        self.poll()
        wanted = _list(self._store)
        there = _list(self._files)
        for key, seen in wanted.items():
            size = there[key].size if key in there else None
            if size != seen.size:
                found = "is missing" if size is None else f"has {size} bytes"
                raise LocalStackError(f"copy of {key} in {self.directory} {found}, not {seen.size} bytes")
        return len(wanted)


def _list(store: ObjectStore) -> dict[str, _Seen]:
    """Key → size and tag, of all objects."""
    return {one["path"]: _Seen(one["size"], one["e_tag"]) for page in obstore.list(store) for one in page}

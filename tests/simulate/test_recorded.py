"""Recorded messages: sent as they are, counted by line."""

from __future__ import annotations

import gzip

import pytest

from iotstream.errors import ConfigurationError
from iotstream.simulate import UNKNOWN, device_names, recorded

LINES = [b'{"device_id":"a","x":1}', b'{"device_id":"b","x":"\xff"}', b'{"device_id":"a","x":3}', b"not JSON"]


@pytest.mark.parametrize("pack", [lambda data: data, gzip.compress])
def test_each_line_is_a_message_as_it_is(tmp_path, pack) -> None:
    path = tmp_path / "lines"
    path.write_bytes(pack(b"\n".join(LINES[:2]) + b"\r\n\n" + b"\n".join(LINES[2:])))
    messages = list(recorded(path, device_names(3), rate=10))
    assert [message.payload for message in messages] == LINES
    assert [message.expected[0].n for message in messages] == [0, 1, 2, 3]
    assert {message.expected[0].fate for message in messages} == {UNKNOWN}
    assert [message.due for message in messages] == [0, 0.1, 0.2, 0.3]
    assert [message.device for message in messages] == [*device_names(3), "device-0001"]


def test_with_a_key_a_recorded_device_keeps_its_device(tmp_path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"\n".join(LINES * 20))
    messages = list(recorded(path, device_names(7), key=b'"device_id":"'))
    senders = {name: {m.device for m in messages if name in m.payload} for name in (b':"a"', b':"b"')}
    assert all(len(found) == 1 for found in senders.values())


def test_what_cannot_be_read_is_said(tmp_path) -> None:
    broken = tmp_path / "broken.gz"
    broken.write_bytes(gzip.compress(b"x" * 1000, mtime=0)[:-9])
    for path, devices, words in (
        (tmp_path / "none", ["d"], "none"),
        (broken, ["d"], "broken.gz"),
        (broken, [], "devices"),
    ):
        with pytest.raises(ConfigurationError, match=words):
            list(recorded(path, devices))

from __future__ import annotations

import json
import logging
import subprocess
import sys
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.logs import configure, fields_of, line_of

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.characters(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text() | st.integers(), inner, max_size=3),
    max_leaves=5,
)


@pytest.fixture
def root():
    logger = logging.getLogger()
    before = logger.level, list(logger.handlers), logging.getLogger("iotstream").level
    yield logger
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]
    logging.getLogger("iotstream").setLevel(before[2])
    logging.captureWarnings(capture=False)


def record(message="hello", **extra):
    made = logging.getLogger("iotstream.test").makeRecord(
        "iotstream.test", logging.INFO, "file.py", 1, message, (), None, extra=extra
    )
    made.created = 1_734_604_200.25
    return made


def test_a_record_is_one_object_with_its_extra_fields():
    fields = json.loads(line_of(fields_of(record("a\nb", shard="shardId-0", span=object))))
    assert fields == {
        "time": "2024-12-19T10:30:00.250Z",
        "level": "INFO",
        "logger": "iotstream.test",
        "message": "a\nb",
        "shard": "shardId-0",
        "span": "<class 'object'>",
    }


@given(st.dictionaries(st.text(min_size=1), anything, max_size=4))
def test_whatever_is_logged_becomes_one_line_of_json(extra):
    line = line_of(extra)
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert isinstance(json.loads(line), dict)


def test_a_lone_surrogate_does_not_lose_the_line():
    assert "\\ud800" in json.loads(line_of({"message": "\ud800"}))["message"]


def test_levels_hold_for_us_and_others_are_quieter(root, capsysbinary):
    configure("DEBUG")
    logging.getLogger("iotstream.x").debug("ours")
    logging.getLogger("botocore").info("theirs")
    try:
        raise ValueError("broken")  # noqa: TRY301
    except ValueError:
        logging.getLogger("botocore").exception("theirs failed")
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
    lines = [json.loads(line) for line in capsysbinary.readouterr().err.splitlines()]
    assert [line["message"] for line in lines[:2]] == ["ours", "theirs failed"]
    assert "ValueError: broken" in lines[1]["exception"]
    assert lines[2]["logger"] == "py.warnings"


def test_configuring_twice_does_not_log_twice(root, capsysbinary):
    configure("INFO")
    configure("WARNING")
    logging.getLogger("iotstream.x").info("not this")
    logging.getLogger("iotstream.x").warning("this")
    (line,) = capsysbinary.readouterr().err.splitlines()
    assert json.loads(line)["message"] == "this"


def test_a_closed_stderr_does_not_stop_the_work():
    code = (
        "import logging, os\n"
        "from iotstream.logs import configure\n"
        "configure('INFO')\n"
        "os.close(2)\n"
        "logging.getLogger('iotstream').error('lost')\n"
        "print('went on')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "went on\n"

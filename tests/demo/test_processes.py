"""When the demo is interrupted none of its processes remains, whatever their command lines say."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import psutil
import pytest

RUN = "from iotstream.cli import main; main()"


@pytest.fixture
def demo(tmp_path):
    """A demo whose devices publish, and every process below it."""
    command = [sys.executable, "-c", RUN, "demo", "--json", "--keep", str(tmp_path / "state")]
    process = subprocess.Popen(
        [*command, "--duration", "120", "--devices", "5"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    below = []
    try:
        for line in process.stderr:
            if "devices publish" in line and "rows 0," not in line:
                break
        below = psutil.Process(process.pid).children(recursive=True)
        yield process, below
    finally:
        process.kill()
        process.communicate()
        for one in below:
            if one.is_running():
                one.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_a_signal_ends_everything_and_the_balance_still_holds(demo, number):
    process, below = demo
    # Six programs, and at least the function's own process.
    assert len(below) >= 7
    process.send_signal(number)
    out, err = process.communicate(timeout=90)
    assert process.returncode == 130, err
    answer = json.loads(out)
    assert answer["interrupted"]
    assert answer["ok"], answer["problems"]
    assert answer["published"] + answer["duplicates"] == answer["rows"] + answer["dead_letters"] > 0
    assert psutil.wait_procs(below, timeout=10)[1] == []


def test_a_killed_demo_leaves_nothing_behind(demo):
    process, below = demo
    names = {one.pid: " ".join(one.cmdline()) for one in below}
    process.kill()
    process.communicate()
    assert [names[one.pid] for one in psutil.wait_procs(below, timeout=30)[1]] == []

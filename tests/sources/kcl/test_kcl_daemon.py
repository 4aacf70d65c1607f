from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import time

import psutil
import pytest

from iotstream.errors import ConfigurationError, MissingDependencyError
from iotstream.settings import Settings
from iotstream.sources.kcl import consumer, tether
from iotstream.sources.kcl.daemon import find_jars, find_java, log_fields


def script(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_java_is_found_by_name_or_path():
    assert find_java("java") == "java"
    path = shutil.which("java")
    assert path is not None
    assert find_java(path) == path


@pytest.mark.parametrize(
    ("said", "fits"),
    [
        ('openjdk version "17.0.15" 2025-04-15', True),
        ('openjdk version "21" 2023-09-19', True),
        ('java version "25-ea"', True),
        ('openjdk version "11.0.2"', False),
        ('java version "1.8.0_292"', False),
        ("something else", False),
    ],
)
def test_javas_version_is_looked_at(tmp_path, said, fits):
    java = script(tmp_path / "java", f"echo '{said}' >&2")
    if fits:
        assert find_java(java) == java
    else:
        with pytest.raises(ConfigurationError) as caught:
            find_java(java)
        assert said in str(caught.value)
        assert "IOTSTREAM_CONSUMER_JAVA" in str(caught.value)


def test_java_that_is_not_there_or_fails_is_named(tmp_path):
    for java in ("/no/such/java", script(tmp_path / "java", "exit 3")):
        with pytest.raises(ConfigurationError, match="install Java 17") as caught:
            find_java(java)
        assert repr(java) in str(caught.value)


def test_jars_come_with_the_extra(monkeypatch, tmp_path):
    assert list(find_jars().glob("amazon-kinesis-client-3*.jar"))
    # A wheel that was built without a network has no jars; None in sys.modules: not installed.
    (tmp_path / "amazon_kclpy" / "jars").mkdir(parents=True)
    (tmp_path / "amazon_kclpy" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "amazon_kclpy", raising=False)
    with pytest.raises(MissingDependencyError, match=r"pip install 'iotstream\[kcl\]'"):
        find_jars()
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'iotstream\[kcl\]'"):
        find_jars()


def test_the_daemons_lines_become_fields():
    line = {
        "sequenceNumber": 0,
        "timestamp": 1734604200250,
        "level": "WARN",
        "threadName": "main",
        "loggerName": "software.amazon.kinesis.Scheduler",
        "context": {"name": "default", "birthdate": 1, "properties": {}},
        "mdc": {},
        "message": "Shard {} of {} failed {}",
        "arguments": ["shardId-0", "s"],
        "throwable": {
            "className": "java.lang.RuntimeException",
            "message": "outer",
            "stepArray": [{"className": "A", "methodName": "m", "fileName": "A.java", "lineNumber": 5}],
            "cause": {"className": "java.io.IOException", "message": "inner", "stepArray": []},
        },
    }
    fields = log_fields(json.dumps(line).encode() + b"\n")
    assert fields["time"] == "2024-12-19T10:30:00.250Z"
    assert fields["level"] == "WARNING"
    assert fields["logger"] == "software.amazon.kinesis.Scheduler"
    assert fields["message"] == "Shard shardId-0 of s failed {}"
    assert fields["exception"].splitlines() == [
        "java.lang.RuntimeException: outer",
        "    at A.m(A.java:5)",
        "caused by:",
        "java.io.IOException: inner",
    ]


@pytest.mark.parametrize(
    "line", [b"Picked up JAVA_TOOL_OPTIONS\n", b"\xff\n", b"[]\n", b"{}\n", b'{"level":1}\n']
)
def test_whatever_is_printed_becomes_fields(line):
    fields = log_fields(line)
    assert fields["message"] == line.decode(errors="replace").rstrip()
    assert fields["level"] == "WARNING"


PARENT = """
import os, subprocess, sys, time
child = subprocess.Popen(
    [sys.executable, "-I", "-S", sys.argv[1], str(os.getpid()), "sleep", "60"], start_new_session=True
)
print(child.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the system offers it on Linux only")
def test_a_tethered_program_ends_with_its_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, tether.__file__], stdout=subprocess.PIPE, text=True
    )
    child = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 10
    while child.name() != "sleep" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert child.name() == "sleep"
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(10)


def test_a_tethered_program_whose_parent_has_gone_already_does_not_begin():
    command = [sys.executable, "-I", "-S", tether.__file__, "1", "echo", "begun"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")


def settings(**variables):
    return Settings.load({"IOTSTREAM_LAKE_URI": "file:///nowhere", **variables})


def test_what_is_missing_is_said_before_java_is_started(tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    with pytest.raises(ConfigurationError, match="IOTSTREAM_JOURNAL_URI"):
        consumer.run(settings())
    with pytest.raises(ConfigurationError, match="'memory:': each shard has a process of its own"):
        consumer.run(settings(IOTSTREAM_JOURNAL_URI="memory:"))
    journal = {"IOTSTREAM_JOURNAL_URI": f"sqlite:///{tmp_path}/journal.db"}
    with pytest.raises(ConfigurationError, match="IOTSTREAM_CONSUMER_JAVA"):
        consumer.run(settings(**journal, IOTSTREAM_CONSUMER_JAVA="/no/java"))
    lake = {"IOTSTREAM_LAKE_URI": f"file://{tmp_path}/lake", "IOTSTREAM_CONSUMER_PORT": "0"}
    with pytest.raises(ConfigurationError, match="kcl_properties = '/no/file'"):
        consumer.run(settings(**journal, **lake, IOTSTREAM_CONSUMER_KCL_PROPERTIES="/no/file"))


def test_a_socket_path_that_is_too_long_is_avoided(tmp_path, monkeypatch):
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    with consumer._private_directory() as directory:
        assert len(os.fsencode(directory / "reports")) <= 100
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert not directory.exists()
    assert list(long.iterdir()) == []

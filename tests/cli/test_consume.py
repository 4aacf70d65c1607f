"""`iotstream consume`: what it takes and refuses. tests/sources/kcl runs it for real."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from iotstream.cli import consume as command
from iotstream.cli import missing
from iotstream.cli.app import app
from iotstream.errors import ConfigurationError

HANDLER = Path(__file__).parents[2] / "handlers" / "kcl_consumer.py"
ENVIRONMENT = {
    "IOTSTREAM_LAKE_URI": "file:///lake",
    "IOTSTREAM_JOURNAL_URI": "sqlite:///journal.db",
    "IOTSTREAM_STREAM_NAME": "from-the-environment",
    "IOTSTREAM_CONSUMER_PORT": "1234",
}


@pytest.fixture
def invoke(monkeypatch):
    """Runs the command without a consumer; the settings that this would have got."""
    for name in list(os.environ):
        if name.startswith("IOTSTREAM_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("iotstream.logs.configure", lambda _: None)
    found = []
    monkeypatch.setattr(command, "_run", lambda settings: (found.append(settings), 3)[1])

    def run(*arguments, env=ENVIRONMENT):
        done = CliRunner().invoke(app, ["consume", *arguments], env={**env, "COLUMNS": "100", "TERM": "dumb"})
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        assert done.exit_code == 3  # what the consumer returned
        return found.pop()

    return run


def test_without_options_the_settings_hold(invoke):
    settings = invoke()
    assert settings.stream.name == "from-the-environment"
    assert (settings.consumer.source, settings.consumer.port) == ("kcl", 1234)
    assert settings.journal.run == ""


def test_options_win(invoke):
    settings = invoke(
        *("--source", "direct", "--stream", "s", "--run", "again", "--host", "0.0.0.0", "--port", "0"),
        *("--from", "2026-01-31T12:00:00Z"),
    )
    consumer = settings.consumer
    assert (consumer.source, consumer.host, consumer.port) == ("direct", "0.0.0.0", 0)
    assert consumer.initial_position == "2026-01-31T12:00:00Z"
    assert (settings.stream.name, settings.journal.run) == ("s", "again")
    assert settings.application == "iotstream@again"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--source", "lambda"], "one of kcl, direct"),
        (["--from", "yesterday"], "TRIM_HORIZON, LATEST, or a time"),
        (["--stream", "a b"], "letters, digits"),
        (["--run", "a/b"], "letters, digits"),
        (["--port", "70000"], "65,535"),
    ],
)
def test_wrong_options_are_refused_by_what_is_allowed(invoke, arguments, words):
    with pytest.raises(ConfigurationError, match=words):
        invoke(*arguments)


@pytest.mark.parametrize("name", ["IOTSTREAM_LAKE_URI", "IOTSTREAM_JOURNAL_URI"])
def test_lake_and_journal_must_be_set(invoke, name):
    with pytest.raises(ConfigurationError, match=name):
        invoke(env={**ENVIRONMENT, name: ""})


def test_each_source_has_its_consumer(monkeypatch):
    from dataclasses import replace

    from iotstream.settings import Settings

    monkeypatch.setattr("iotstream.sources.kcl.consumer.run", lambda _: 10)
    monkeypatch.setattr("iotstream.sources.direct.consumer.run", lambda _: 20)
    settings = Settings.load(ENVIRONMENT)
    assert command._run(settings) == 10
    direct = replace(settings.consumer, source="direct")
    assert command._run(replace(settings, consumer=direct)) == 20


def test_help_says_what_it_needs_with_examples():
    done = CliRunner().invoke(app, ["consume", "--help"], env={"COLUMNS": "100", "TERM": "dumb"})
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    for words in ("IOTSTREAM_JOURNAL_URI", "iotstream consume --run", "--from", "--source", "SIGTERM"):
        assert words in text
    assert "consume" in CliRunner().invoke(app, ["--help"]).stdout


@pytest.mark.parametrize("program", [["-m", "iotstream", "consume"], [str(HANDLER)]])
def test_what_is_not_set_is_one_line(program):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IOTSTREAM_")}
    done = subprocess.run(
        [sys.executable, *program], capture_output=True, text=True, check=False, env=clean, timeout=60
    )
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "IOTSTREAM_LAKE_URI" in line


@pytest.mark.parametrize(
    ("module", "extra"), [("amazon_kclpy", "kcl"), ("prometheus_client", "kcl"), ("aiobotocore", "direct")]
)
def test_the_extra_is_named(module, extra):
    assert f"pip install 'iotstream[{extra}]'" in str(missing(module))

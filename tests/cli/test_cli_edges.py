"""What holds for every command: help that teaches, one line for what is wrong, quick to start."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from iotstream.cli import missing
from iotstream.cli.app import app
from iotstream.cli.certificates import find_credentials
from iotstream.errors import ConfigurationError

COMMANDS = [
    ["audit"],
    ["backfill"],
    ["consume"],
    ["demo"],
    ["local"],
    ["query"],
    ["simulate"],
    ["schema"],
    ["schema", "show"],
    ["schema", "check"],
    ["schema", "json-schema"],
    ["schema", "glue"],
    ["schema", "docs"],
    ["version"],
    ["cost"],
]
RUN = "from iotstream.cli import main; main()"


def run(*arguments, code=RUN, env=None):
    clean = {name: value for name, value in os.environ.items() if not name.startswith("IOTSTREAM_")}
    environment = clean | {"COLUMNS": "100", "TERM": "dumb"} | (env or {})
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)


def helped(*arguments):
    done = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": "100", "TERM": "dumb"})
    assert done.exit_code == 0
    return done.stdout


def test_the_commands_are_listed():
    text = helped()
    assert all(command[0] in text for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_with_an_example(command):
    usage, _, rest = helped(*command).strip().partition("\n")
    assert "Usage:" in usage
    if command != ["schema"]:
        assert f"iotstream {' '.join(command)}" in " ".join(rest.split())


def test_help_imports_nothing_heavy():
    heavy = ["boto3", "botocore", "duckdb", "moto", "obstore", "aiomqtt", "cryptography"]
    code = (
        "import sys\n"
        "from iotstream.cli.app import app\n"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    assert run(code=code).stdout.strip() == "[]"


def test_version_as_json_names_what_it_stands_on():
    facts = json.loads(run("version", "--json").stdout)
    assert re.fullmatch(r"\d+\.\d+\.\d+.*", facts["iotstream"])
    assert {"python", "pyarrow", "duckdb"} <= set(facts)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["simulate"], "IOTSTREAM_MQTT_HOST"),
        (["demo", "--input", "/no/such/file"], "/no/such/file"),
        (["demo", "--bad", "2"], "--bad"),
        (["nothing"], "nothing"),
    ],
)
def test_wrong_use_is_explained_without_a_traceback(arguments, words):
    done = run(*arguments)
    assert done.returncode != 0
    assert done.stdout == ""
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_setting_is_one_line_that_names_it():
    done = run("query", "SELECT 1", env={"IOTSTREAM_SPAN_MAX_ROWS": "many"})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "IOTSTREAM_SPAN_MAX_ROWS" in line
    assert "'many'" in line


@pytest.mark.parametrize(("module", "extra"), [("typer", "cli"), ("obstore", "aws"), ("duckdb", "local")])
def test_a_missing_part_is_one_line_with_the_command_that_brings_it(module, extra):
    assert f"pip install 'iotstream[{extra}]'" in str(missing(f"{module}.part"))
    # None in sys.modules makes an import fail as if the module were not there.
    code = f"import sys; sys.modules[{module!r}] = None\n{RUN}"
    command = {"typer": ["version"], "obstore": ["demo"], "duckdb": ["query", "SELECT 1"]}[module]
    done = run(*command, code=code, env={"IOTSTREAM_LAKE_URI": "file:///tmp"})
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert f"pip install 'iotstream[{extra}]'" in line


def touch(directory, *names):
    directory.mkdir(exist_ok=True)
    for name in names:
        (directory / name).touch()


def test_certificates_are_found_under_the_names_that_aws_gives_them(tmp_path):
    touch(tmp_path / "things", "a.pem", "a.key", "b.cert.pem", "b.private.key", "c.pem")
    ca = tmp_path / "AmazonRootCA1.pem"
    found = find_credentials(tmp_path / "things", ca, names=[], count=10)
    assert set(found) == {"a", "b"}
    assert found["b"].key.name == "b.private.key"
    assert found["a"].ca == ca
    assert set(find_credentials(tmp_path / "things", ca, names=[], count=1)) == {"a"}


def test_certificates_that_are_missing_are_named(tmp_path):
    touch(tmp_path / "things", "c.pem")
    ca = tmp_path / "ca.pem"
    with pytest.raises(ConfigurationError, match=r"device 'c': no key in .*c\.key is missing"):
        find_credentials(tmp_path / "things", ca, names=["c"], count=1)
    with pytest.raises(ConfigurationError, match="device 'd': no certificate"):
        find_credentials(tmp_path / "things", ca, names=["d"], count=1)
    with pytest.raises(ConfigurationError, match="holds no"):
        find_credentials(tmp_path / "things", ca, names=[], count=1)
    with pytest.raises(ConfigurationError, match="--ca FILE"):
        find_credentials(tmp_path / "things", None, names=["c"], count=1)


def test_the_local_authority_makes_certificates_as_needed(tmp_path):
    from iotstream.local.pki import Pki

    Pki(tmp_path)
    found = find_credentials(tmp_path / "clients", None, names=[], count=2)
    assert list(found) == ["device-0001", "device-0002"]
    assert all(files.certificate.is_file() for files in found.values())

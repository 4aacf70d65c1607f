"""`iotstream schema`: what it prints, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from iotstream.schema import Schema

EXAMPLE = Path(__file__).parents[2] / "examples" / "environmental-sensors" / "schema.toml"


def run(*arguments, status=0):
    command = [sys.executable, "-c", "from iotstream.cli import main; main()", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    return done


def test_show_names_every_field():
    text = run("schema", "show", EXAMPLE).stdout
    for one in Schema.load(EXAMPLE).fields:
        assert one.name in text
        assert ".".join(one.source) in text


def test_show_as_json_can_be_read_by_a_script():
    facts = json.loads(run("schema", "show", "--json").stdout)
    assert facts["fingerprint"] == Schema.load().fingerprint
    assert [one["name"] for one in facts["fields"]] == ["timestamp", "device_id", "temperature", "humidity"]


@pytest.fixture
def changed(tmp_path):
    """The example with a narrower bound: what devices sent until now may be rejected."""
    path = tmp_path / "changed.toml"
    path.write_text(
        EXAMPLE.read_text().replace("max = 125", "max = 60").replace("version = 1", "version = 2")
    )
    return path


def test_a_change_that_breaks_devices_is_refused_by_the_exit_status(changed):
    done = run("schema", "check", EXAMPLE, changed, status=1)
    assert "not compatible" in done.stderr
    assert "temperature" in done.stdout
    assert "devices" in done.stdout
    facts = json.loads(run("schema", "check", "--json", EXAMPLE, changed, status=1).stdout)
    assert facts["compatible"] is False
    (change,) = [one for one in facts["changes"] if one["breaks"] != "nobody"]
    assert (change["field"], change["key"], change["old"], change["new"]) == (
        "temperature",
        "max",
        "125",
        "60",
    )


def test_the_other_way_round_is_compatible(changed):
    assert "compatible" in run("schema", "check", changed, EXAMPLE).stdout


def test_exports_are_json_and_markdown():
    document = json.loads(run("schema", "json-schema", EXAMPLE).stdout)
    assert document["properties"]["data"]["required"]
    table = json.loads(run("schema", "glue", EXAMPLE, "--location", "s3://b/p/data", "--table", "t").stdout)
    assert table["Name"] == "t"
    assert table["StorageDescriptor"]["Location"] == "s3://b/p/data/"
    assert run("schema", "docs", EXAMPLE).stdout.startswith("# environmental_sensors, version 1")


def test_a_wrong_schema_file_is_one_line_that_names_the_key(tmp_path):
    path = tmp_path / "wrong.toml"
    path.write_text(EXAMPLE.read_text().replace('type = "bool"', 'type = "boolean"', 1))
    done = run("schema", "show", path, status=1)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for words in (str(path), "field[light].type = 'boolean'", "bool"):
        assert words in done.stderr

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from iotstream.errors import ConfigurationError
from iotstream.settings import SECTIONS, Settings, settings_reference, variable

DOCS = Path(__file__).parent.parent / "docs" / "settings.md"


def write(directory: Path, text: str) -> Path:
    path = directory / "iotstream.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_file_and_variables_the_defaults_hold():
    settings = Settings.load({"HOME": "/root", "AWS_REGION": "eu-west-1"})
    assert settings == Settings()
    assert settings.stream.name == "kinesis-stream"
    assert settings.schema.path == ""
    assert settings.timestream.enabled is False
    assert settings.metrics.namespace == "iotstream"


def test_a_file_is_read_and_variables_override_it(tmp_path):
    path = write(
        tmp_path,
        """
        [stream]
        name = "from-file"
        [lake]
        uri = "s3://bucket/file"
        compression_level = 3
        [span]
        max_age_s = 5
        """,
    )
    environ = {"IOTSTREAM_CONFIG": str(path), "IOTSTREAM_STREAM_NAME": "from-variable"}
    settings = Settings.load(environ)
    assert settings.stream.name == "from-variable"
    assert settings.lake.uri == "s3://bucket/file"
    assert settings.lake.compression_level == 3
    assert settings.span.max_age_s == 5.0
    assert isinstance(settings.span.max_age_s, float)


def test_the_given_path_wins_over_the_variable(tmp_path):
    path = write(tmp_path, '[stream]\nname = "given"\n')
    assert Settings.load({"IOTSTREAM_CONFIG": "/nowhere"}, path).stream.name == "given"


def test_a_relative_path_in_the_file_is_relative_to_it_and_in_a_variable_to_here(tmp_path):
    path = write(tmp_path, '[schema]\npath = "schemas/a.toml"\n')
    assert Settings.load({}, path).schema.path == str(tmp_path / "schemas/a.toml")
    assert Settings.load({"IOTSTREAM_SCHEMA_PATH": "b.toml"}, path).schema.path == "b.toml"


def test_dead_letters_go_beside_the_lake_unless_told():
    assert Settings.load({"IOTSTREAM_LAKE_URI": "s3://b/lake/"}).quarantine.uri == "s3://b/lake/quarantine"
    told = {"IOTSTREAM_LAKE_URI": "s3://b/lake", "IOTSTREAM_QUARANTINE_URI": "file:///tmp/q"}
    assert Settings.load(told).quarantine.uri == "file:///tmp/q"
    assert Settings.load({}).quarantine.uri == ""


@pytest.mark.parametrize(
    ("environ", "enabled"),
    [
        ({}, False),
        ({"IOTSTREAM_TIMESTREAM_DATABASE": "iot_timestream_db"}, True),
        ({"IOTSTREAM_TIMESTREAM_DATABASE": "abc", "IOTSTREAM_TIMESTREAM_ENABLED": "false"}, False),
        ({"IOTSTREAM_TIMESTREAM_DATABASE": "abc", "IOTSTREAM_TIMESTREAM_ENABLED": "TRUE"}, True),
    ],
)
def test_timestream_is_on_when_a_database_is_named(environ, enabled):
    assert Settings.load(environ).timestream.enabled is enabled


INFLUXDB = {"IOTSTREAM_INFLUXDB_URL": "http://127.0.0.1:8086", "IOTSTREAM_INFLUXDB_DATABASE": "iot"}


@pytest.mark.parametrize(
    ("environ", "enabled"),
    [({}, False), (INFLUXDB, True), ({**INFLUXDB, "IOTSTREAM_INFLUXDB_ENABLED": "no"}, False)],
)
def test_influxdb_is_on_when_a_url_is_set(environ, enabled):
    assert Settings.load(environ).influxdb.enabled is enabled


@pytest.mark.parametrize("left_out", INFLUXDB)
def test_influxdb_needs_a_url_and_a_database(left_out):
    environ = {**INFLUXDB, "IOTSTREAM_INFLUXDB_ENABLED": "true"}
    del environ[left_out]
    with pytest.raises(ConfigurationError, match=left_out):
        Settings.load(environ)


def test_secrets_are_in_no_message_and_in_no_repr(tmp_path):
    secret = "s3cr3t"
    settings = Settings.load(
        {**INFLUXDB, "IOTSTREAM_INFLUXDB_TOKEN": secret, "IOTSTREAM_INFLUXDB_PASSWORD": secret}
    )
    assert settings.influxdb.token == settings.influxdb.password == secret
    assert secret not in repr(settings)
    for text in (f"[influxdb]\ntoken = ['{secret}']", f"[influxdb]\npasword = '{secret}'"):
        with pytest.raises(ConfigurationError) as caught:
            Settings.load({}, write(tmp_path, text))
        assert secret not in str(caught.value)
    with pytest.raises(ConfigurationError, match="did you mean IOTSTREAM_INFLUXDB_TOKEN") as caught:
        Settings.load({"IOTSTREAM_INFLUXDB_TOKN": secret})
    assert secret not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("IOTSTREAM_SPAN_MAX_ROWS", "many", "a whole number from 1"),
        ("IOTSTREAM_SPAN_MAX_ROWS", "0", "a whole number from 1"),
        ("IOTSTREAM_SPAN_MAX_ROWS", "", "a whole number from 1"),
        ("IOTSTREAM_SPAN_MAX_AGE_S", "inf", "seconds, a number above 0"),
        ("IOTSTREAM_SPAN_MAX_AGE_S", "nan", "seconds, a number above 0"),
        ("IOTSTREAM_RETRY_DEADLINE_S", "-1", "seconds, a number above 0"),
        ("IOTSTREAM_RETRY_BASE_S", "99", "at most retry.cap_s, which is 5.0"),
        ("IOTSTREAM_LOG_LEVEL", "info", "one of DEBUG, INFO"),
        ("IOTSTREAM_LAKE_URI", "bucket/prefix", "s3://bucket/prefix"),
        ("IOTSTREAM_LAKE_URI", "s3://", "s3://bucket/prefix"),
        ("IOTSTREAM_LAKE_COMPRESSION_LEVEL", "23", "from 1 to 22"),
        ("IOTSTREAM_STREAM_NAME", "a b", "letters, digits"),
        ("IOTSTREAM_TIMESTREAM_ENABLED", "maybe", "true or false"),
        ("IOTSTREAM_METRICS_NAMESPACE", "AWS/Lambda", "not AWS/"),
        ("IOTSTREAM_MQTT_PORT", "65536", "from 1 to 65,535"),
    ],
)
def test_a_wrong_variable_is_refused_by_key_variable_value_and_what_is_allowed(name, value, allowed):
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({name: value})
    message = str(caught.value)
    section, _, key = name.removeprefix("IOTSTREAM_").lower().partition("_")
    assert f"{section}.{key}" in message
    assert name in message
    assert repr(value) in message or repr(float(value)) in message or f"= {value}:" in message
    assert allowed in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[span]\nmax_rows = true\n", "span.max_rows (variable IOTSTREAM_SPAN_MAX_ROWS) = True"),
        ("[span]\nmax_rows = 1.5\n", "= 1.5: allowed is a whole number from 1"),
        ('[span]\nmax_rows = "7"\n', "= '7'"),
        ("[stream]\nname = 7\n", "stream.name"),
        ("[timestream]\nenabled = 1\n", "true or false"),
        ("[timestream]\nenabled = true\n", "timestream.database"),
        ("[span]\nmax_row = 5\n", "span.max_row: no such key; there are max_rows"),
        ("[spam]\n", "[spam]: no such section; there are stream"),
        ("span = 3\n", "written [span]"),
        ("[span\n", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path, text, words):
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({}, write(tmp_path, text))
    assert words in str(caught.value)


def test_a_file_that_is_not_there_is_refused_with_its_path():
    with pytest.raises(ConfigurationError, match=r"'/no/such\.toml' can't be read"):
        Settings.load({"IOTSTREAM_CONFIG": "/no/such.toml"})


def test_an_unknown_variable_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigurationError, match="did you mean IOTSTREAM_SPAN_MAX_ROWS"):
        Settings.load({"IOTSTREAM_SPAN_MAX_ROW": "5"})
    with pytest.raises(ConfigurationError, match="there are IOTSTREAM_CONSUMER_"):
        Settings.load({"IOTSTREAM_XYZZY": "5"})


def test_require_names_the_variable_and_an_example():
    with pytest.raises(ConfigurationError, match=r"lake\.uri is not set: set IOTSTREAM_LAKE_URI.*s3://"):
        Settings().require("lake.uri")
    Settings.load({"IOTSTREAM_LAKE_URI": "s3://b"}).require("lake.uri", "quarantine.uri")


def test_every_variable_can_be_set_to_its_default_and_changes_nothing():
    defaults = Settings()
    environ = {
        variable(kind.section, key.name): str(getattr(getattr(defaults, kind.section), key.name))
        for kind in SECTIONS
        for key in fields(kind)
    }
    assert Settings.load(environ) == defaults


def test_span_and_retry_defaults_are_those_of_the_code_they_set():
    from iotstream.batch import BatchLimits
    from iotstream.retry import Backoff

    assert vars(BatchLimits()) == vars(Settings().span)
    assert vars(Backoff()) == vars(Settings().retry)


def test_the_reference_in_the_docs_is_current():
    assert DOCS.read_text(encoding="utf-8") == settings_reference(), "run python -m iotstream.settings"

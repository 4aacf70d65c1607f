from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iotstream.errors import ConfigurationError
from iotstream.settings import Settings
from iotstream.sources.kcl.consumer import region, variables
from iotstream.sources.kcl.properties import encode, properties

BASE = {"IOTSTREAM_LAKE_URI": "file:///lake", "IOTSTREAM_JOURNAL_URI": "sqlite:///journal"}


def chosen(environ=None, **settings):
    loaded = Settings.load({**BASE, **settings})
    return properties(loaded, executable="/bin/sh ./p", worker="w", region="eu-west-1", environ=environ or {})


def test_what_kcl_is_told():
    found = chosen(
        IOTSTREAM_STREAM_NAME="telemetry",
        IOTSTREAM_JOURNAL_APPLICATION="app",
        IOTSTREAM_CONSUMER_SHUTDOWN_S="12.5",
        IOTSTREAM_CONSUMER_RETRIEVAL="fanout",
    )
    expected = {
        "executableName": "/bin/sh ./p",
        "streamName": "telemetry",
        "applicationName": "app",
        "workerId": "w",
        "regionName": "eu-west-1",
        "retrievalMode": "FANOUT",
        "initialPositionInStream": "TRIM_HORIZON",
        "maxRecords": "10000",
        "callProcessRecordsEvenForEmptyRecordList": "true",
        "skipShardSyncAtWorkerInitializationIfLeasesExist": "true",
        "shutdownGraceMillis": "10500",
    }
    assert expected.items() <= found.items()
    assert "kinesisEndpoint" not in found
    assert chosen(IOTSTREAM_JOURNAL_RUN="again")["applicationName"] == "iotstream-again"


def test_endpoints_are_the_sdks():
    everything = {"AWS_ENDPOINT_URL": "http://a"}
    found = chosen({**everything, "AWS_ENDPOINT_URL_KINESIS": "http://k"})
    assert (found["kinesisEndpoint"], found["dynamoDBEndpoint"]) == ("http://k", "http://a")
    found = chosen({"AWS_ENDPOINT_URL_DYNAMODB": "http://d"})
    assert ("kinesisEndpoint" in found, found["dynamoDBEndpoint"]) == (False, "http://d")


@pytest.mark.parametrize(
    "text", ["2026-01-31T12:00:00Z", "2026-01-31T13:00:00.999+01:00", "2026-01-31T12:00:00.5Z"]
)
def test_a_time_to_begin_at_is_in_whole_seconds_not_later(text):
    found = chosen(IOTSTREAM_CONSUMER_INITIAL_POSITION=text)
    moment = dt.datetime(2026, 1, 31, 12, tzinfo=dt.UTC).timestamp()
    assert found["initialPositionInStreamExtended"] == str(int(moment))
    assert "initialPositionInStream" not in found


def test_the_users_values_win_unless_the_settings_say_them():
    text = encode({"maxRecords": "10000"}, b"# own\nmaxRecords = 100\n")
    assert text == b"maxRecords = 10000\n# own\nmaxRecords = 100\n"
    for line in (b"streamName=x", b"a = b\n  applicationName : x", b"executableName x"):
        with pytest.raises(ConfigurationError, match="kcl_properties sets"):
            encode({}, line)
    encode({}, b"#streamName = x\nmyStreamName = x\n")


def test_java_reads_the_values_as_they_are(tmp_path):
    values = {
        "a": "C:\\new\\dir # ! = : x",
        "b": "größe €  \U0001f600",
        "c": "tab\tnewline\n",
        "d": "\\u0041 ",
    }
    (tmp_path / "p").write_bytes(encode(values))
    (tmp_path / "P.java").write_text(
        "public class P { public static void main(String[] a) throws Exception {"
        "var p = new java.util.Properties(); p.load(new java.io.FileInputStream(a[0]));"
        'for (var k : new String[]{"a","b","c","d"}) for (char c : (p.getProperty(k) + "|").toCharArray())'
        'System.out.print((int) c + " "); } }'
    )
    java = shutil.which("java")
    assert java
    done = subprocess.run(
        [java, str(tmp_path / "P.java"), str(tmp_path / "p")], capture_output=True, check=True, timeout=60
    )
    units = bytes(byte for number in done.stdout.split() for byte in int(number).to_bytes(2, "big"))
    assert units.decode("utf-16-be") == "".join(f"{value}|" for value in values.values())


names = st.sampled_from(["plain", "größe", "with blank", "back\\slash", "100%"])


@given(names, st.booleans(), st.floats(0.5, 1e6), st.integers(1, 10**12))
def test_another_process_has_the_very_same_settings(name, flag, seconds, number):
    settings = Settings.load(BASE)
    settings = replace(
        settings,
        journal=replace(settings.journal, run_hot_sinks=flag),
        timestream=replace(settings.timestream, database="db" * flag + "name", enabled=flag),
        schema=replace(settings.schema, path=f"/somewhere/{name}.toml"),
        span=replace(settings.span, max_age_s=seconds, max_rows=number),
    )
    assert Settings.load(variables(settings)) == settings


def test_the_region_is_found_as_the_sdks_find_it(monkeypatch, tmp_path):
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert region({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}) == "a"
    assert region({"AWS_DEFAULT_REGION": "b"}) == "b"
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        region({})
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n")
    assert region({}) == "ap-south-1"

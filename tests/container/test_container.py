"""The container for ECS: built as the Dockerfile says, it consumes, as nobody, on a read-only file system."""

from __future__ import annotations

import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import tomllib
from collections import Counter
from io import BytesIO

import pyarrow.parquet as pq
import pytest
from containers import health, run
from dockerfile import Ignored, context, parse
from harness import FAST, JVM, all_once, payloads
from jail import Mount
from stages import PROJECT, Image

from iotstream.journal.dynamodb_table import create_table
from iotstream.local.provision import client
from iotstream.settings import Settings
from iotstream.sources.kcl.daemon import LEAST_JAVA
from iotstream.sources.kcl.memory import LEAST_SHARE_BYTES, MIB

BUCKET, JOURNAL, STREAM = "container-lake", "container-journal", "contained"
USER = 10001
HANDLER = "/opt/iotstream/lib/python*/site-packages/iotstream/_handlers/kcl_consumer.py"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def devices(stack):
    """How often each device's row is in the lake."""
    s3 = client(stack.environment, "s3")
    found = Counter()
    for listed in s3.list_objects_v2(Bucket=BUCKET, Prefix="telemetry/data/").get("Contents", []):
        body = s3.get_object(Bucket=BUCKET, Key=listed["Key"])["Body"].read()
        found.update(pq.read_table(BytesIO(body), columns=["device_id"])["device_id"].to_pylist())
    s3.close()
    return found


def test_it_consumes_into_s3_and_stops_when_told(image: Image, stack, start, tmp_path):
    s3 = client(stack.environment, "s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.close()
    create_table(stack.environment, JOURNAL)
    stack.create(STREAM, 2)
    stack.prime(STREAM, STREAM)
    volume = tmp_path / "volume"
    volume.mkdir()
    volume.chmod(0o755)
    (volume / "fast.properties").write_text("".join(f"{key} = {value}\n" for key, value in FAST.items()))
    environment = {
        **stack.environment,
        "IOTSTREAM_STREAM_NAME": STREAM,
        "IOTSTREAM_LAKE_URI": f"s3://{BUCKET}/telemetry",
        "IOTSTREAM_JOURNAL_URI": f"dynamodb://{JOURNAL}",
        "IOTSTREAM_JOURNAL_APPLICATION": STREAM,
        "IOTSTREAM_SPAN_MAX_AGE_S": "1",
        "IOTSTREAM_CONSUMER_KCL_PROPERTIES": "/mnt/fast.properties",
        "IOTSTREAM_CONSUMER_PORT": str(free_port()),
        # The network is this machine's own: nobody else needs to get at it.
        "IOTSTREAM_CONSUMER_HOST": "127.0.0.1",
        "JAVA_TOOL_OPTIONS": JVM,
    }
    mounts = [Mount(str(volume), "/mnt")]

    assert health(image, environment).returncode != 0
    stack.put(STREAM, payloads("a", 500))
    one = start(image, tmp_path / "one.log", environment, mounts=mounts)
    one.until(lambda: sum(devices(stack).values()) == 500, "all rows")
    assert one.healthy()
    family = one.processes()
    assert {uid for process in family for uid in process.uids()} == {USER}
    assert {gid for process in family for gid in process.gids()} == {USER}
    (java,) = [process for process in family if process.name() == "java"]
    assert len(java.children()) == 2  # a process for each shard
    names = [path.name for path in one.files("/tmp")]
    assert all(re.match(r"iotstream-kcl-|hsperfdata_", name) for name in names), names
    assert one.stop() == 0
    assert health(image, environment).returncode != 0
    # KCL may log that it interrupts itself when it ends.
    ours = [line for line in one.lines() if line["logger"].startswith("iotstream")]
    assert [line["message"] for line in ours if line["level"] in {"ERROR", "CRITICAL"}] == []

    # The other program that is installed goes on where that one ended.
    (handler,) = image.root.glob(HANDLER.lstrip("/"))
    stack.put(STREAM, payloads("b", 500))
    program = ("python", f"/{handler.relative_to(image.root)}")
    two = start(image, tmp_path / "two.log", environment, *program, mounts=mounts)
    two.until(lambda: sum(devices(stack).values()) == 1000, "the further rows")
    assert two.healthy()
    assert two.stop() == 0
    assert devices(stack) == all_once(("a", 500), ("b", 500))


def test_the_container_is_as_small_as_a_real_one(image: Image):
    """What the tests above are worth: nothing but /tmp can be written, the project isn't there, nor a JDK."""
    script = """
        cat /proc/mounts
        id -u
        grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status
        test -e "$1" && echo "the project is there"
        for program in java python iotstream uv javac; do command -v $program; done
        true
    """
    done = subprocess.run(
        run(image, {}, "sh", "-c", script, "sh", str(PROJECT)), capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    mounts = {fields[1]: fields[3].split(",") for fields in map(str.split, lines) if len(fields) == 6}
    assert mounts["/"][0] == "ro"
    writable = {place for place, options in mounts.items() if "rw" in options}
    assert {place for place in writable if not place.startswith("/dev/")} == {"/tmp", "/proc"}
    assert "noexec" in mounts["/tmp"]
    assert [line.replace("\t", " ") for line in lines[len(mounts) :]] == [
        str(USER),
        "CapEff: 0000000000000000",
        "CapBnd: 0000000000000000",
        "NoNewPrivs: 1",
        "/opt/java/runtime/bin/java",
        "/opt/iotstream/bin/python",
        "/opt/iotstream/bin/iotstream",
    ]


def test_without_settings_it_ends_and_says_which(image: Image):
    command = run(image, {}, *image.entrypoint, *image.command)
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert "IOTSTREAM_LAKE_URI" in done.stderr


def test_what_only_docker_does_fits(image: Image):
    defaults = Settings.load({}).consumer
    assert image.ports == (defaults.port,)
    assert image.environment["IOTSTREAM_CONSUMER_HOST"] == "0.0.0.0"
    assert image.environment["TMPDIR"] in image.volumes
    assert image.stop_signal == "SIGTERM"
    assert image.user == f"{USER}:{USER}"
    # A check has an end of its own before docker ends it; see docker/healthcheck.py.
    assert image.health_options == {
        "interval": "30s",
        "timeout": "10s",
        "start-period": "60s",
        "retries": "3",
    }


def test_the_images_it_starts_from_are_pinned_and_uv_is_the_locked_one():
    arguments = {}
    for one in parse((PROJECT / "Dockerfile").read_text()):
        if one.name == "ARG":
            arguments |= one.pairs()
    locked = tomllib.loads((PROJECT / "uv.lock").read_text())["package"]
    (uv,) = [package["version"] for package in locked if package["name"] == "uv"]
    assert arguments["UV_IMAGE"].endswith(f":{uv}")
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", arguments["PYTHON_IMAGE"])
    java = re.fullmatch(r"eclipse-temurin:(\d+)-jdk", arguments["JAVA_IMAGE"])
    assert int(java[1]) >= LEAST_JAVA


def test_all_that_is_installed_has_wheels_for_amd64_and_arm64(image: Image):
    """Here one of the two is installed; without a wheel the other would want a compiler."""
    (packages,) = image.root.glob("opt/iotstream/lib/python3.*/site-packages")
    python = packages.parent.name.replace("python", "cp").replace(".", "")
    locked = {one["name"]: one for one in tomllib.loads((PROJECT / "uv.lock").read_text())["package"]}
    names = {normal(path.name.partition("-")[0]) for path in packages.glob("*.dist-info")}
    assert {"amazon-kclpy", "iotstream-native", "obstore", "orjson", "prometheus-client", "pyarrow"} <= names
    # Built here: of Python alone, and by make package for both.
    for name in names - {"amazon-kclpy", "iotstream", "iotstream-native"}:
        urls = [wheel["url"] for wheel in locked[name]["wheels"]]
        for machine in ("x86_64", "aarch64"):
            fits = rf"(-py3|\.py3)-none-any\.whl|-({python}|cp3\d+-abi3)-?.*manylinux.*_{machine}\.whl"
            assert any(re.search(fits, url) for url in urls), (name, machine)


def test_the_task_definition_in_the_docs_fits_the_image(image: Image):
    text = (PROJECT / "docs" / "container.md").read_text()
    task = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL)[1])
    (container,) = task["containerDefinitions"]
    check = container["healthCheck"]
    assert check.pop("command") == ["CMD", *image.health_check]
    said = {name: int(value.removesuffix("s")) for name, value in image.health_options.items()}
    assert check == {"startPeriod": said.pop("start-period"), **said}
    assert tuple(one["containerPort"] for one in container["portMappings"]) == image.ports
    assert tuple(one["containerPath"] for one in container["mountPoints"]) == image.volumes
    settings = Settings.load({one["name"]: one["value"] for one in container["environment"]})
    settings.require("lake.uri", "journal.uri")
    assert settings.consumer.shutdown_s + 10 <= container["stopTimeout"] <= 120
    heap_mib = int(settings.consumer.java_heap.removesuffix("m"))
    mib = settings.consumer.memory_bytes / MIB + heap_mib + 200 + 128
    assert mib <= int(task["memory"])
    assert f"less than {LEAST_SHARE_BYTES // MIB} MiB for each" in " ".join(text.split())


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def test_the_builds_context_is_what_is_copied():
    names = context(PROJECT)
    assert {name.partition("/")[0] for name in names} == {
        *("LICENSE", "README.md", "docker", "handlers", "pyproject.toml", "src", "uv.lock")
    }
    assert not [name for name in names if "__pycache__" in name]
    assert "src/iotstream/sources/kcl/consumer.py" in names


def test_ignored_paths():
    ignored = Ignored("# words\n*\n!kept\n**/cache\n")
    assert "other" in ignored
    assert "other/kept" in ignored
    assert "kept" not in ignored
    assert "kept/deep/file" not in ignored
    assert "kept/deep/cache" in ignored
    assert "kept/deep/cache/file" in ignored


class Answers(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status if self.path == "/health" else 404)
        self.end_headers()
        self.wfile.write(b"so it is")

    def log_message(self, *arguments):
        pass


@pytest.mark.parametrize(("answered", "expected"), [(200, 0), (503, 1)])
def test_the_health_check_ends_with_what_the_consumer_answers(answered, expected):
    handler = type("Handler", (Answers,), {"status": answered})
    with http.server.HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.handle_request).start()
        done = check(server.server_port)
    assert (done.returncode, done.stdout) == (expected, "so it is\n")


def test_the_health_check_fails_where_nobody_answers():
    port = free_port()
    done = check(port)
    assert done.returncode == 1
    assert str(port) in done.stdout


def check(port):
    return subprocess.run(
        [sys.executable, str(PROJECT / "docker" / "healthcheck.py")],
        env={**os.environ, "IOTSTREAM_CONSUMER_PORT": str(port), "http_proxy": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )

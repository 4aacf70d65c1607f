"""The device's start-up script, run word for word in an empty root: what it installs, writes, keeps secret.

This machine stands in for Amazon Linux, and the local AWS for the other one: `aws` answers by boto3, so that
a wrong operation or parameter is refused. What systemd would do is read from the unit that was written.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import aiomqtt
import boto3
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

import needs
from container import jail
from iotstream.local.pki import Pki
from iotstream.local.process import ServiceProcess
from iotstream.simulate import Connection

PROJECT = Path(__file__).parents[2]
SCRIPT = PROJECT / "scripts" / "user_data.sh"
MODULE = PROJECT / "infra" / "terraform" / "modules" / "ec2" / "main.tf"

THING = "sensor-0001"
PARAMETER = "/iotstream/iot-endpoint"
SECRET = f"iotstream/devices/{THING}"
BUCKET = "user-data-artefacts"
SERVICE_USER = 61184  # systemd takes dynamic users from 61184 on
CLIENTS = ("s3", "secretsmanager", "ssm")
AMAZON_ROOTS = {  # https://www.amazontrust.com/repository/: SHA-256 of the certificates
    "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
}

AWS_SHIM = """\
#!{python}
import os, sys
import boto3, jmespath
print(*sys.argv[1:], file=open(f"/calls/aws-{{os.getuid()}}", "a"))
boto3.setup_default_session(region_name=os.environ["AWS_REGION"])  # as version 2 of the command line does
service, operation, *rest = sys.argv[1:]
if (service, operation) == ("s3", "cp"):
    source, target = [one for one in rest if one != "--only-show-errors"]
    bucket, _, key = source.removeprefix("s3://").partition("/")
    boto3.client("s3").download_file(bucket, key, target)
    sys.exit()
options = dict(zip(rest[::2], rest[1::2], strict=True))
assert options.pop("--output") == "text"
query = options.pop("--query")
names = {{"".join(map(str.title, name[2:].split("-"))): value for name, value in options.items()}}
answer = getattr(boto3.client(service), operation.replace("-", "_"))(**names)
print(jmespath.search(query, answer))
"""
LOGGING_SHIM = '#!/bin/sh\necho "$@" >>/calls/{name}\n'


@dataclass(frozen=True)
class Instance:
    """A machine on which the script has run.

    Attributes:
        root: its file system, seen from outside.
        unit: the systemd unit.
        mounts, environment: with which its programs run.
        output: what the script printed.
        pki: the broker's authority.
    """

    root: Path
    unit: str
    mounts: list[jail.Mount]
    environment: dict[str, str]
    output: str
    pki: Pki

    def read(self, name: str) -> str:
        return (self.root / name).read_text()

    def calls(self, name: str) -> list[str]:
        return self.read(f"calls/{name}").splitlines()

    @property
    def service(self) -> list[tuple[str, str]]:
        """The lines of the unit's section Service."""
        section = self.unit.partition("[Service]\n")[2].partition("[Install]")[0]
        lines = [line for line in section.splitlines() if line and not line.startswith("#")]
        return [(name, value) for name, _, value in (line.partition("=") for line in lines)]

    def setting(self, name: str) -> str:
        (value,) = [value for other, value in self.service if other == name]
        return value

    def command(self, setting: str, **more: str) -> list[str]:
        """The command line that runs what a setting of the unit says, as systemd would."""
        settings = [value.split() for name, value in self.service if name == "Environment"]
        variables = dict(pair.split("=", 1) for pairs in settings for pair in pairs)
        return jail.command(
            self.root,
            self.setting(setting).split(),
            mounts=self.mounts,
            environment={
                **self.environment,
                **variables,
                "RUNTIME_DIRECTORY": "/run/iotstream-device",
                **more,
            },
            directory="/",
            user=f"{SERVICE_USER}:{SERVICE_USER}",
        )


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    arguments = ["--directory", str(tmp_path_factory.mktemp("broker") / "pki"), "--backend", "embedded"]
    process = ServiceProcess("iotstream.local.broker", [*arguments, "--port", "0"])
    yield process
    assert process.stop() == 0


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "uv",
        "build",
        "--wheel",
        "--quiet",
        "--out-dir",
        str(directory),
        str(PROJECT),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode and re.search("failed to lookup|error sending request|timed out", done.stderr):
        needs.missing(f"the wheel can't be built without a package index: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    (built,) = directory.glob("*.whl")
    return built


def settings(wheel: Path, secret_arn: str) -> dict[str, str]:
    """What the module ec2 puts before the script."""
    return {
        "AWS_REGION": "us-east-1",
        "DEVICE_THING": THING,
        "DEVICE_SECRET_ARN": secret_arn,
        "DEVICE_ENDPOINT_PARAMETER": PARAMETER,
        "DEVICE_TOPIC": "topic/mqtt",
        "DEVICE_RATE": "5.000000",
        "DEVICE_BAD": "0.000000",
        "DEVICE_PACKAGE": f"s3://{BUCKET}/releases/{wheel.name}",
    }


def user_data(values: dict[str, str]) -> str:
    exports = [f"export {name}='{value}'" for name, value in values.items()]
    return "\n".join(["#!/bin/bash", *exports, SCRIPT.read_text()])


def shim(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.write_text(text)
    path.chmod(0o755)


def python_mounts() -> list[jail.Mount]:
    """This interpreter's environment, and what it was made from, where they are."""
    places = {sys.prefix, sys.base_prefix}
    return [jail.Mount(place, place) for place in sorted(places) if not place.startswith("/usr")]


@pytest.fixture(scope="module")
def instance(
    tmp_path_factory: pytest.TempPathFactory, aws: dict[str, str], broker: ServiceProcess, wheel: Path
) -> Instance:
    jail.need_namespaces()
    if shutil.which("jq") is None:
        needs.missing("jq is not installed")
    pki = Pki(Path(broker.facts["directory"]))
    secret_arn = fill(aws, wheel, pki)

    root = tmp_path_factory.mktemp("instance")
    root.chmod(0o755)
    shims, calls, units = root / "shims", root / "calls", tmp_path_factory.mktemp("units")
    for directory in (shims, calls, root / "tmp", root / "run", root / "opt"):
        directory.mkdir()
    for directory in (calls, root / "tmp"):
        directory.chmod(0o1777)
    shim(shims, "aws", AWS_SHIM.format(python=sys.executable))
    for name in ("dnf", "systemctl"):
        shim(shims, name, LOGGING_SHIM.format(name=name))
    shim(shims, "python3.11", f'#!/bin/sh\nexec {Path(sys.base_prefix, "bin", "python3")} "$@"\n')

    mounts = [
        *jail.system(root),
        *python_mounts(),
        jail.Mount(str(units), "/etc/systemd/system", read_only=False),
    ]
    passed_on = re.compile(
        r"SSL_CERT_(FILE|DIR)|PIP_(CERT|DEFAULT_TIMEOUT|INDEX_URL)|(https?|all|no)_proxy", re.IGNORECASE
    )
    environment = {
        "PATH": "/shims:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        **{name: value for name, value in os.environ.items() if passed_on.fullmatch(name)},
        **aws,
    }
    (root / "user_data").write_text(user_data(settings(wheel, secret_arn)))
    cache = Path.home() / ".cache" / "pip"
    cache.mkdir(parents=True, exist_ok=True)
    command = jail.command(
        root,
        ["/bin/bash", "/user_data"],
        mounts=[*mounts, jail.Mount(str(cache), "/root/.cache/pip", read_only=False)],
        environment=environment,
        directory="/",
    )
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    output = done.stdout + done.stderr
    if done.returncode and re.search(
        "NewConnectionError|NameResolutionError|No matching distribution", output
    ):
        needs.missing(f"the package index is not there: {output[-400:]}")
    assert done.returncode == 0, output
    unit = (units / "iotstream-device.service").read_text()
    return Instance(root, unit, mounts, environment, output, pki)


def fill(aws: dict[str, str], wheel: Path, pki: Pki) -> str:
    """What the other modules make: the endpoint, the device's secret, the wheel; the secret's ARN."""
    session = boto3.Session(
        aws["AWS_ACCESS_KEY_ID"], aws["AWS_SECRET_ACCESS_KEY"], region_name=aws["AWS_REGION"]
    )
    client = {name: session.client(name, endpoint_url=aws["AWS_ENDPOINT_URL"]) for name in CLIENTS}
    client["ssm"].put_parameter(Name=PARAMETER, Value="127.0.0.1", Type="String")
    client["s3"].create_bucket(Bucket=BUCKET)
    client["s3"].upload_file(str(wheel), BUCKET, f"releases/{wheel.name}")
    device = pki.client(THING)
    secret = {"certificate_pem": device.certificate.read_text(), "private_key": device.key.read_text()}
    created = client["secretsmanager"].create_secret(Name=SECRET, SecretString=json.dumps(secret))
    return str(created["ARN"])


@pytest.fixture(scope="module")
def started(instance: Instance) -> Instance:
    """The instance after ExecStartPre, with the directory that systemd makes for the service."""
    directory = instance.root / "run" / "iotstream-device"
    directory.mkdir(mode=0o700)
    os.chown(directory, SERVICE_USER, SERVICE_USER)
    done = subprocess.run(
        instance.command("ExecStartPre"), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout + done.stderr == ""
    return instance


def test_the_module_gives_the_settings_that_the_script_needs() -> None:
    needed = set(re.findall(r'^: "\$\{(\w+):\?', SCRIPT.read_text(), re.MULTILINE))
    block = MODULE.read_text().partition("settings = {")[2].partition("\n  } }")[0]
    assert set(re.findall(r"^    ([A-Z_]+) +=", block, re.MULTILINE)) == needed
    assert set(settings(Path("x.whl"), "arn")) == needed


def test_the_script_is_sound_shell_and_fits_into_user_data() -> None:
    subprocess.run(["bash", "-n", str(SCRIPT)], check=True)
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/user-data.html: 16 KB
    assert len(user_data(settings(Path("x" * 200), "a" * 200)).encode()) < 16 * 1024


@pytest.mark.parametrize("missing", sorted(settings(Path("x.whl"), "arn")))
def test_without_a_setting_it_stops_before_it_does_anything(missing: str, tmp_path: Path) -> None:
    values = settings(Path("x.whl"), "arn")
    del values[missing]
    shim(tmp_path, "dnf", f"#!/bin/sh\ntouch {tmp_path}/called\n")
    done = subprocess.run(
        ["bash", "-c", user_data(values)],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert missing in done.stderr
    assert not (tmp_path / "called").exists()


def test_it_installs_the_simulator_and_starts_the_service(instance: Instance) -> None:
    (packages,) = instance.calls("dnf")
    assert packages.startswith("install --assumeyes")
    assert {"awscli-2", "jq", "python3.11"} <= set(packages.split())
    assert instance.calls("systemctl") == [
        "daemon-reload",
        "enable --now --no-block iotstream-device.service",
    ]
    assert (instance.root / "opt/iotstream/bin/iotstream").exists()
    assert not list((instance.root / "tmp").glob("tmp.*"))  # what mktemp made


def test_it_trusts_amazons_authorities_alone(instance: Instance) -> None:
    authorities = x509.load_pem_x509_certificates(
        (instance.root / "opt/iotstream/amazon-root-ca.pem").read_bytes()
    )
    assert {one.fingerprint(hashes.SHA256()).hex() for one in authorities} == AMAZON_ROOTS


def test_the_service_has_a_user_of_its_own_comes_back_and_may_do_little(instance: Instance) -> None:
    service = dict(instance.service)
    assert service["User"] == "iotstream-device"
    assert service["Restart"] == "always"
    assert service["CapabilityBoundingSet"] == ""
    assert service["RuntimeDirectoryMode"] == "0700"
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateDevices", "ProtectHome", "ProtectKernelTunables"):
        assert service[name] == "yes"
    assert "WantedBy=multi-user.target" in instance.unit


def test_nothing_secret_is_in_user_data_output_or_on_disk(instance: Instance) -> None:
    key = instance.pki.client(THING).key.read_text().splitlines()[2]
    assert key not in (instance.root / "user_data").read_text()
    assert key not in instance.output
    assert key not in instance.unit
    # The start of the service alone reads the secret.
    assert [call.split()[:2] for call in instance.calls("aws-0")] == [["s3", "cp"]]
    held = [
        path
        for directory in ("opt", "tmp", "calls")
        for path in (instance.root / directory).rglob("*")
        if path.is_file() and not path.is_symlink() and key.encode() in path.read_bytes()
    ]
    assert held == []


def test_the_service_fetches_its_certificate_for_itself_alone(started: Instance) -> None:
    directory = started.root / "run" / "iotstream-device"
    names = {path.name for path in directory.iterdir()}
    assert names == {f"{THING}.pem", f"{THING}.key", "environment"}
    for path in directory.iterdir():
        facts = path.stat()
        assert (facts.st_mode & 0o777, facts.st_uid) == (0o600, SERVICE_USER), path
    device = started.pki.client(THING)
    assert (directory / f"{THING}.pem").read_text().strip() == device.certificate.read_text().strip()
    assert (directory / f"{THING}.key").read_text().strip() == device.key.read_text().strip()
    assert (directory / "environment").read_text() == "IOTSTREAM_MQTT_HOST=127.0.0.1\n"
    assert started.setting("EnvironmentFile") == "-/run/iotstream-device/environment"


def test_the_services_command_publishes_on_the_things_topic(
    started: Instance, broker: ServiceProcess
) -> None:
    # The local broker's authority takes Amazon's place, and its port 8883's.
    shutil.copy(started.pki.ca, started.root / "opt/iotstream/amazon-root-ca.pem")
    name, _, host = started.read("run/iotstream-device/environment").strip().partition("=")
    command = started.command("ExecStart", **{name: host, "IOTSTREAM_MQTT_PORT": str(broker.port)})

    async def run() -> tuple[list[aiomqtt.Message], int, str]:
        files = {"rules": started.pki.client("rule-engine")}
        context = Connection(host=host, port=broker.port, credentials=files).context("rules")
        client = aiomqtt.Client(host, broker.port, identifier="rule-engine", tls_context=context)
        async with client, asyncio.timeout(60):
            await client.subscribe("#", qos=1)
            process = await asyncio.create_subprocess_exec(*command, stdout=-1, stderr=-1)
            messages = [await anext(client.messages) for _ in range(5)]
            # The only child is process 1 of the jail: the command itself.
            (child,) = psutil.Process(process.pid).children()
            child.send_signal(signal.SIGTERM)
            output, log = await process.communicate()
            return messages, process.returncode or 0, (output + log).decode()

    messages, status, output = asyncio.run(run())
    assert status == 0, output
    assert {str(message.topic) for message in messages} == {f"topic/mqtt/{THING}"}
    reading = json.loads(messages[0].payload)
    items = reading if isinstance(reading, list) else [reading]
    assert {item["deviceId"] for item in items} == {THING}
    result = json.loads(output.splitlines()[-1])
    assert result["published"] == result["acknowledged"] >= 5
    assert result["errors"] == {}

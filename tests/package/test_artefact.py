"""The artefact for this machine, unzipped into an empty directory, alone: no other package is in reach."""

import ast
import importlib.metadata
import io
import json
import re
import subprocess
import time
import uuid
import zipfile
from pathlib import Path

import boto3
import pyarrow.parquet as pq
import pytest
from artefacts import archive, contents, trial
from building import PYTHON, build

from iotstream.local.lambda_runtime import LambdaFunction
from iotstream.local.process import ServiceProcess
from iotstream.local.provision import create_table
from iotstream.testing import kinesis_event
from kinesis_stand import CREDENTIALS
from package import main, split

ROOT = Path(__file__).parents[2]
HANDLERS = ("kinesis_lambda", "firehose_transform")
GOOD = 40
DATABASE = "iot_timestream_db"


def run_alone(python, task_root, code):
    """Run code with the artefact alone on the path; its last line of JSON."""
    command = [python, "-I", "-S", "-B", "-c", f"import sys; sys.path.insert(0, {str(task_root)!r})\n{code}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def imported_by(path):
    """The modules that a source file imports, in functions too, but for those that only type checkers see."""
    waiting = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def source(name):
    """Where a module of the project is; None for anything else."""
    base = ROOT / "src" / name.replace(".", "/")
    return next((one for one in (base / "__init__.py", base.with_suffix(".py")) if one.exists()), None)


def reachable():
    """What the handlers can come to import, at once or later: the project's modules, and other packages'."""
    own, others = set(), set()
    waiting = [name for handler in HANDLERS for name in imported_by(ROOT / f"handlers/{handler}.py")]
    waiting.append("iotstream.sources.lambda_runtime")
    while waiting:
        name = waiting.pop()
        if not name.startswith("iotstream."):
            # The kernel isn't there where it can't be compiled.
            if name.partition(".")[0] not in {"iotstream", "iotstream_native"}:
                others.add(name)
            continue
        parents = [name[:end] for end, letter in enumerate(name) if letter == "."]
        for one in (*parents, name):
            if one not in own and (path := source(one)) is not None:
                own.add(one)
                waiting += imported_by(path)
    return own, others


def test_sizes_names_and_modes(zipped, task_root):
    with zipfile.ZipFile(zipped) as opened:
        entries = opened.infolist()
    assert zipped.stat().st_size <= archive.ZIPPED_LIMIT
    assert sum(one.file_size for one in entries) < archive.UNZIPPED_LIMIT
    names = [one.filename for one in entries]
    assert names == sorted(names)
    assert {one.date_time for one in entries} == {(1980, 1, 1, 0, 0, 0)}
    assert {one.external_attr >> 16 & 0o777 for one in entries} == {0o644, 0o755}
    assert (task_root / "raw-runtime").stat().st_mode & 0o777 == 0o755
    assert set(contents.HANDLERS) <= set(names)
    assert (task_root / "kinesis_lambda.py").read_bytes() == (
        ROOT / "handlers/kinesis_lambda.py"
    ).read_bytes()
    assert not [name for name in names if name.endswith((".pyi", ".pyx", ".h")) or "/tests/" in name]


def test_built_again_it_is_the_same_to_the_byte(zipped, options, tmp_path):
    printed = build("--out", tmp_path, *options)
    (again,) = tmp_path.glob("*.zip")
    assert again.read_bytes() == zipped.read_bytes()
    assert re.search(r"zip .*: \d+\.\d MB \(at most 60\), unzipped \d+\.\d MB \(at most 250\)", printed)


def test_whatever_the_handlers_can_come_to_import_is_in_it(python, task_root):
    own, others = reachable()
    assert {
        "iotstream.recovery",
        "iotstream.journal.dynamodb_table",
        "iotstream.sinks.timestream.sink",
    } <= own
    assert {"pyarrow.parquet", "obstore.auth.boto3", "boto3.session"} <= others
    code = f"""
import importlib, json
def load(name):
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        parent, _, attribute = name.rpartition(".")
        if error.name != name or not parent or not hasattr(load(parent), attribute):
            raise
for name in {sorted(own | others)!r}:
    load(name)
where = sorted(getattr(one, "__file__", None) or "" for one in sys.modules.values())
print(json.dumps([where, sys.path]))
"""
    files, path = run_alone(python, task_root, code)
    stdlib = [one for one in path if one != str(task_root)]
    assert not [one for one in files if one and not one.startswith((str(task_root), *stdlib))]
    assert not [one for one in path if "site-packages" in one]


def test_botocore_knows_the_services_that_are_called(python, task_root):
    called = set()
    for name in reachable()[0]:
        text = source(name).read_text(encoding="utf-8")
        called.update(re.findall(r'client\(\s*"([a-z-]+)"', text))
        called.update(re.findall(r'^SERVICE = "([a-z-]+)"', text, re.MULTILINE))
    assert called <= set(contents.SERVICES)
    assert {"dynamodb", "kinesis", "timestream-write"} <= called
    code = f"""
import json, botocore.session
session = botocore.session.Session()
clients = [session.create_client(name, region_name="eu-west-1") for name in {contents.SERVICES!r}]
print(json.dumps([one.meta.endpoint_url for one in clients]))
"""
    assert len(run_alone(python, task_root, code)) == len(contents.SERVICES)


def test_bytecode_is_there_for_all_modules_and_is_what_is_run(python, task_root):
    modules = list(task_root.rglob("*.py"))
    tag = f"cpython-{PYTHON.replace('.', '')}.pyc"
    for path in modules:
        bytecode = path.parent / "__pycache__" / f"{path.stem}.{tag}"
        # Unchecked, by its flags: https://peps.python.org/pep-0552/
        assert bytecode.read_bytes()[4:8] == b"\x01\x00\x00\x00", path


@pytest.fixture
def cloud(aws, kinesis, tmp_path):
    """Streams, buckets, tables: the function's variables, and what they name."""
    name = f"package-{uuid.uuid4().hex[:8]}"
    timestream = ServiceProcess("iotstream.local.timestream", ["--database", DATABASE])
    client = boto3.client(
        "s3",
        endpoint_url=aws["AWS_ENDPOINT_URL"],
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    client.create_bucket(Bucket=name)
    create_table({**aws, **CREDENTIALS}, name)
    yield (
        client,
        {
            **aws,
            **CREDENTIALS,
            "AWS_ENDPOINT_URL_KINESIS": kinesis.endpoint,
            "AWS_ENDPOINT_URL_TIMESTREAM_WRITE": f"http://127.0.0.1:{timestream.port}",
            "IOTSTREAM_LAKE_URI": f"s3://{name}/telemetry",
            "IOTSTREAM_JOURNAL_URI": f"dynamodb://{name}",
            "IOTSTREAM_TIMESTREAM_DATABASE": DATABASE,
            "IOTSTREAM_STREAM_NAME": "s",
        },
    )
    timestream.stop()


def event(kinesis):
    payloads = [
        json.dumps({"timestamp": time.time(), "deviceId": f"d{n}", "temperature": n, "humidity": 50}).encode()
        for n in range(GOOD)
    ]
    numbers = kinesis.put(*payloads, b"bad")
    made = kinesis_event([*payloads, b"bad"], arrival_ms=round(time.time() * 1000))
    for record, number in zip(made["Records"], numbers, strict=True):
        record["kinesis"]["sequenceNumber"] = str(number)
        record["eventID"] = f"shardId-000000000000:{number}"
        record["eventSourceARN"] = kinesis.arn
    return json.dumps(made).encode()


def temperatures(client, bucket):
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
    found = []
    for key in keys:
        if key.endswith(".parquet"):
            body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
            found += pq.read_table(io.BytesIO(body))["temperature"].to_pylist()
    letters = [key for key in keys if key.endswith(".jsonl.gz")]
    return sorted(found), letters


@pytest.mark.parametrize("switch", ["on", "off"])
@pytest.mark.parametrize("runtime", ["managed_runtime", "raw_runtime"])
def test_started_by_the_runtime_it_writes_rows(  # noqa: PLR0917 - fixtures
    request, task_root, kinesis, cloud, runtime, switch
):
    """All of it at once: objects, journal, the stream's description, points in Timestream."""
    client, variables = cloud
    lines = []
    function = LambdaFunction(
        on_log=lines.append,
        handler="kinesis_lambda.handler",
        task_root=task_root,
        environment={
            **variables,
            "IOTSTREAM_KERNEL": switch,
            "AWS_LAMBDA_EXEC_WRAPPER": str(request.getfixturevalue(runtime)),
        },
    )
    with function:
        result = function.invoke(event(kinesis))
    assert result.function_error is None, (result.payload, result.log)
    assert json.loads(result.payload) == {"batchItemFailures": []}, result.log
    rows, letters = temperatures(client, variables["IOTSTREAM_LAKE_URI"].split("/")[2])
    assert rows == [float(n) for n in range(GOOD)]
    assert len(letters) == 1
    metrics = next(json.loads(line) for line in lines if line.startswith("{"))
    assert metrics["Rows"] == GOOD
    assert metrics["Rejects"] == 1
    assert metrics["Duration.timestream"] > 0


def test_the_compiled_kernel_is_used_where_it_was_built(python, task_root, kernel):
    code = "import json; from iotstream.decode import decoder; print(json.dumps(decoder()))"
    built = bool(list(kernel.glob("*.whl")))
    assert run_alone(python, task_root, code).startswith("compiled kernel" if built else "pure Python")
    names = ["iotstream", "boto3"]
    code = f"import json, importlib.metadata as m; print(json.dumps([m.version(name) for name in {names!r}]))"
    assert run_alone(python, task_root, code) == [importlib.metadata.version(name) for name in names]


def test_a_cold_start_is_measured_from_the_zip(zipped, python):
    found = trial.cold_start(zipped, Path(python), 3)
    assert found.runs == 3
    assert 0 < found.import_ms < found.first_record_ms
    assert found.cpu_ms > 0


def test_as_a_layer_it_is_split_in_two(task_root):
    files = archive.files_below(task_root)
    parts = split(files)
    assert set(parts["handlers"]) == set(contents.HANDLERS)
    assert "python/iotstream/__init__.py" in parts["layer"]
    whole = {name.removeprefix("python/"): path for part in parts.values() for name, path in part.items()}
    assert whole == files


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--python", "2.7"], "a version like 3.12 is expected"),
        (["--cold", "0"], "a number of runs is expected"),
        (["--architecture", "riscv"], "invalid choice"),
    ],
)
def test_wrong_options_are_refused(capsys, arguments, says):
    with pytest.raises(SystemExit) as refused:
        main(arguments)
    assert refused.value.code == 2
    assert says in capsys.readouterr().err


def test_help_shows_how_it_is_called(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    assert 'make package ARGS="--layer"' in printed
    assert "--kernel-wheels" in printed


def test_a_required_kernel_that_is_not_there_fails(tmp_path, capsys, architecture):
    arguments = [
        "--kernel",
        "require",
        "--kernel-wheels",
        tmp_path,
        "--out",
        tmp_path,
        "--architecture",
        architecture,
    ]
    assert main(list(map(str, arguments))) == 1
    assert "no iotstream_native-" in capsys.readouterr().err

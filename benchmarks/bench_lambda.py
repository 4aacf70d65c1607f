"""The Lambda handler on an event of 10,000 records, against the original's; and what a cold start imports."""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import original
import pytest

import data
from iotstream.settings import Settings
from iotstream.sources.lambda_handler import KinesisHandler
from iotstream.testing import LambdaContext

RECORDS = 10_000
GROUP = f"Lambda handler: event of {RECORDS:,} records, as the runtime has parsed it"
IMPORTS = {
    "kinesis_lambda (handlers/)": "sys.path.insert(0, 'handlers'); import kinesis_lambda",
    "iotstream": "import iotstream",
    "pyarrow": "import pyarrow, pyarrow.compute",
    "boto3": "import boto3",
}
# The Lambda's artefact holds no pandas, which pyarrow would import where it is.
WITHOUT_PANDAS = """
import sys
class NoPandas:
    def find_spec(name, path=None, target=None):
        if name == "pandas":
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NoPandas)
"""


@pytest.fixture(scope="module")
def events():
    return [{"Records": data.kinesis_records(data.flat(RECORDS, seed))} for seed in range(3)]


def test_ours(measure, events):
    """Decoded, validated, partitioned, encoded as Parquet and put into a local store."""
    directory = tempfile.mkdtemp()
    metrics = []

    def handle(event):
        settings = Settings.load({"IOTSTREAM_LAKE_URI": f"file://{directory}/{time.monotonic_ns()}"})
        answer = KinesisHandler(settings, emit=metrics.append)(event, LambdaContext())
        assert answer == {"batchItemFailures": []}

    try:
        measure(
            handle, events, RECORDS, group=GROUP, name="ours: rows and Parquet objects written", rounds=12
        )
    finally:
        shutil.rmtree(directory)
    assert all(b'"Rows":10000' in line for line in metrics)


def test_original(measure, events):
    handle = lambda event: original.lambda_handler(event, None)  # noqa: E731
    measure(handle, events, RECORDS, group=GROUP, name="the original's: nothing written")


@pytest.mark.parametrize("name", IMPORTS)
def test_cold_import(remark, name):
    """Wall time of a fresh interpreter that imports it, less one that imports nothing."""

    def once(code):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", WITHOUT_PANDAS + code], check=True)
        return time.perf_counter() - began

    once(IMPORTS[name])
    nothing = statistics.median(once("pass") for _ in range(5))
    took = statistics.median(once(IMPORTS[name]) for _ in range(5)) - nothing
    remark(f"cold import of {name:28} {took * 1000:6.0f} ms")

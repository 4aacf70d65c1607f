import subprocess
import sys

import iotstream

HEAVY = ["boto3", "botocore", "obstore", "aiohttp", "duckdb", "typer", "rich", "moto"]


def test_all_is_sorted_and_there():
    assert iotstream.__all__ == sorted(iotstream.__all__)
    assert all(hasattr(iotstream, name) for name in iotstream.__all__)


def test_importing_the_core_imports_no_extra():
    code = f"import sys, iotstream; print(*[m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []

import os
import subprocess
import sys

import pyarrow as pa
import pytest

from iotstream.sources.arrow_memory import COMPACT, VARIABLE

PROGRAM = """
import pyarrow as pa
from iotstream.sources.arrow_memory import use_compact_pool
use_compact_pool()
column = pa.array(range(1000))
print(pa.default_memory_pool().backend_name, pa.default_memory_pool().bytes_allocated() > 0)
"""


@pytest.mark.parametrize("chosen", [None, "system"])
def test_columns_are_allocated_compactly_unless_the_environment_says_otherwise(chosen):
    environ = {key: value for key, value in os.environ.items() if key != VARIABLE}
    if chosen is not None:
        environ[VARIABLE] = chosen
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environ, capture_output=True, check=True)
    builds = pa.supported_memory_backends()
    expected = chosen or (COMPACT if COMPACT in builds else builds[0])
    assert done.stdout.decode().split() == [expected, "True"]

"""What all tests share."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.append(str(Path(__file__).parent))  # for tests in folders: `import needs`

# Machines are shared: how long an example takes says nothing.
settings.register_profile(
    "iotstream", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("iotstream")

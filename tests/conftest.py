"""What all tests share."""

from hypothesis import HealthCheck, settings

# Machines are shared: how long an example takes says nothing.
settings.register_profile(
    "iotstream", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("iotstream")

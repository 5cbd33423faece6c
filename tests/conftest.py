"""How properties are tried: the same examples on every machine and in every run, without a clock."""

import os

from hypothesis import HealthCheck, settings

# What takes long on a busy machine is no fault. With HUSHGATE_EXPLORE=1 other examples are tried each time.
settings.register_profile(
    "house",
    deadline=None,
    derandomize=not os.environ.get("HUSHGATE_EXPLORE"),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

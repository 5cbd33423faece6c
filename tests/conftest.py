"""How properties are tried: the same examples on every machine and in every run, without a clock.

And that modules are compiled once, whatever the environment says: hundreds of tests start processes of their
own, and each would otherwise spend a second on compiling the gateway.
"""

import os
import sys

from hypothesis import HealthCheck, settings

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

EXPLORE = bool(os.environ.get("HUSHGATE_EXPLORE"))

# What takes long on a busy machine is no fault. With HUSHGATE_EXPLORE=1 other examples
# are tried each time, and five times as many.
settings.register_profile(
    "house",
    max_examples=200 if EXPLORE else 40,
    deadline=None,
    derandomize=not EXPLORE,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("house")

"""What holds for every test."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# The same examples each time: what is searched for with others is `make fuzz`'s business. No
# deadline: how long an example takes says more of the machine than of the code.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

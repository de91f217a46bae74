"""What holds for every test."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.support.order import slowest_first

# The same examples each time: what is searched for with others is `make fuzz`'s business. No
# deadline: how long an example takes says more of the machine than of the code.
settings.register_profile(
    "same", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same")

# A shell without job control has what it starts in the background ignore these, and nohup SIGHUP.
# That is inherited by all that tests start, and no shell can trap what it was told to ignore.
for number in (signal.SIGHUP, signal.SIGQUIT):
    signal.signal(number, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a process beside others (xdist's), in an order in which none waits for another."""
    if beside := getattr(config, "workerinput", None):
        items[:] = slowest_first(items, beside["workercount"])


@pytest.fixture(autouse=True)
def _log_as_it_was() -> Iterator[None]:
    """A verb that is called in this process sends its log where it will, for this test alone."""
    root, hook = logging.getLogger(), sys.unraisablehook
    level, disabled = root.level, root.manager.disable
    yield
    root.setLevel(level)
    logging.disable(disabled)
    sys.unraisablehook = hook

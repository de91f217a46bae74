"""Shows the logs of the servers that a failed test had."""

from __future__ import annotations

from collections.abc import Generator

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Function,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for name, fixture in getattr(item, "funcargs", {}).items():
            log_tail = getattr(fixture, "log_tail", None)
            if callable(log_tail):
                report.sections.append((f"log of {name}", log_tail()))
    return report

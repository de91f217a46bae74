"""Shows the logs of the servers that a failed test had; and what several of these tests need."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.django_site import make_project


@pytest.fixture(scope="session")
def django_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a stock Django project, to be copied: making one takes seconds."""
    return make_project(tmp_path_factory.mktemp("project") / "shop")


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

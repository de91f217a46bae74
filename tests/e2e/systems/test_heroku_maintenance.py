"""What ``heroku maintenance`` does to an app behind its router, by the verbs of ``gateway``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.page_host import PageHost
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until
from tests.support.visitor import DOCUMENT, PAGE, visit

FLAGS = "flags: {site: {}}\n"
OURS = "<!doctype html><title>Acme is being moved</title>"


@pytest.fixture(scope="module")
def app() -> Iterator[PlainApp]:
    with PlainApp() as running:
        yield running


@pytest.fixture(scope="module")
def bucket() -> Iterator[PageHost]:
    with PageHost(OURS) as running:
        yield running


@pytest.fixture(scope="module")
def running(
    app: PlainApp, bucket: PageHost, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("heroku")
    page = f"page: {{url: '{bucket.url}'}}\n"
    with GatewayProcess(folder, app.url, FLAGS, extra=page) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    yield running
    running.reset("site")


def state(gateway: GatewayProcess) -> str:
    """``ON`` or ``off``, as ``gateway status`` has it."""
    run = gateway.cli("status", "site")
    assert run.returncode == 0, run.stderr
    (line,) = [line for line in run.stdout.splitlines() if line.startswith("state")]
    return line.split()[1]


def test_on_and_off_close_and_open_the_app_and_status_tells_which(gateway: GatewayProcess) -> None:
    assert (state(gateway), visit(gateway).status) == ("off", 200)
    on = gateway.cli("on", "site")
    assert (on.returncode, visit(gateway).status) == (0, 503)
    assert "site is on" in on.stdout
    assert state(gateway) == "ON"
    off = gateway.cli("off", "site")
    assert (off.returncode, visit(gateway).status) == (0, 200)
    assert "site is off" in off.stdout


def test_visitors_get_the_page_of_an_address_with_503(gateway: GatewayProcess) -> None:
    gateway.flip("site", enabled=True)
    page = wait_until(lambda: _ours(gateway), "the page was fetched")
    assert page == (503, "text/html; charset=utf-8", None)  # as it is: no frame, no redirect


def test_programs_get_no_page_but_json(gateway: GatewayProcess) -> None:
    gateway.flip("site", enabled=True)
    got = visit(gateway, accept=DOCUMENT)
    assert (got.status, got.one("content-type")) == (503, "application/problem+json")


def test_without_a_page_of_your_own_there_is_one(app: PlainApp, tmp_path: Path) -> None:
    flags = "flags: {site: {enabled: true}}\n"
    gone = "page: {url: 'http://127.0.0.1:9/x.html'}\n"  # nothing listens there
    with GatewayProcess(tmp_path, app.url, flags, extra=gone) as gateway:
        page = visit(gateway, accept=PAGE)
    assert page.status == 503
    assert b"Down for maintenance" in page.body


def test_the_app_goes_on_running_and_can_be_reached_by_who_is_beside_it(
    app: PlainApp, gateway: GatewayProcess
) -> None:
    gateway.flip("site", enabled=True)
    assert visit(gateway, "/jobs", "POST").status == 503
    assert visit(app.port, "/jobs", "POST").status == 200


def test_the_last_copy_goes_on_when_the_bucket_is_gone(app: PlainApp, tmp_path: Path) -> None:
    flags = "flags: {site: {enabled: true}}\n"
    with PageHost(OURS) as bucket:
        page = f"page: {{url: '{bucket.url}'}}\n"
        with GatewayProcess(tmp_path, app.url, flags, extra=page) as gateway:
            wait_until(lambda: _ours(gateway), "the page was fetched")
            bucket.close()
            other = f"page: {{url: '{bucket.url}?other'}}"  # so that all are fetched anew
            gateway.write_config(f"flags: {{site: {{enabled: true}}, x: {{{other}}}}}\n")
            wait_until(lambda: _fails(gateway), "that failed")
            assert _ours(gateway)


def _ours(gateway: GatewayProcess) -> tuple[int, str | None, str | None] | None:
    page = visit(gateway, accept=PAGE)
    if page.body != OURS.encode():
        return None
    return page.status, page.one("content-type"), page.one("location")


def _fails(gateway: GatewayProcess) -> bool:
    pages = gateway.call("GET", "status").document["pages"]
    return len(pages) == 2 and all(page["error"] is not None for page in pages)

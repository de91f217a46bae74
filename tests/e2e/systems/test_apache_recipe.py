"""What Apache's recipes for a maintenance page do with mod_rewrite, done by a few lines of YAML."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.servers import wait_until
from tests.support.visitor import PAGE, visit

FLAGS = r"""
allow:
  ips: [127.0.0.2]
  paths: [/anything/system, '~ \.(?:css|png|jpe?g|gif|svg)$']
flags:
  all: {source: {file: maintenance/ALL}, page: {retry_after: 1h, template: maintenance.html}}
  shop: {hosts: [shop.example.com], source: {file: maintenance/shop.example.com}}
"""
TEMPLATE = '<!doctype html><link rel="stylesheet" href="/anything/system/maintenance.css">'


@pytest.fixture(scope="module")
def running(httpbin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("apache")
    (folder / "maintenance").mkdir()
    (folder / "maintenance.html").write_text(TEMPLATE)
    with GatewayProcess(folder, f"http://127.0.0.1:{httpbin}", FLAGS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    """Closed, as a whole."""
    every = running.folder / "maintenance" / "ALL"
    every.touch()
    wait_until(lambda: visit(running).status == 503, "the site is closed")
    yield running
    every.unlink(missing_ok=True)
    wait_until(lambda: visit(running).status == 200, "the site is open")


def from_address(gateway: GatewayProcess, address: str) -> int:
    """The status that a visitor from this address of ours gets."""
    connection = http.client.HTTPConnection(
        "127.0.0.1", gateway.port, timeout=60, source_address=(address, 0)
    )
    try:
        connection.request("GET", "/")
        return connection.getresponse().status
    finally:
        connection.close()


def test_an_address_is_excluded_and_sees_the_site(gateway: GatewayProcess) -> None:
    assert from_address(gateway, "127.0.0.2") == 200
    assert from_address(gateway, "127.0.0.1") == 503


def test_nobody_gets_in_by_claiming_that_address(gateway: GatewayProcess) -> None:
    assert visit(gateway, x_forwarded_for="127.0.0.2").status == 503


def test_the_page_s_assets_are_reachable_by_folder_and_by_suffix(gateway: GatewayProcess) -> None:
    page = visit(gateway, accept=PAGE)
    assert page.body == TEMPLATE.encode()
    for asset in ("/anything/system/maintenance.css", "/anything/logo.png", "/anything/a.jpeg"):
        assert visit(gateway, asset).status == 200, asset
    for other in ("/anything/systems", "/anything/logo.png/x", "/anything?logo.png"):
        assert visit(gateway, other).status == 503, other


def test_everybody_else_gets_503_with_retry_after_and_no_redirect(gateway: GatewayProcess) -> None:
    for method in ("GET", "POST", "HEAD"):
        got = visit(gateway, "/anything", method, accept=PAGE)
        assert (got.status, got.one("retry-after"), got.one("location")) == (503, "3600", None)
        assert got.one("cache-control") == "no-store"


def test_a_file_closes_one_host_and_another_file_all(running: GatewayProcess) -> None:
    shop: Path = running.folder / "maintenance" / "shop.example.com"
    shop.touch()
    try:
        wait_until(lambda: visit(running, host="shop.example.com").status == 503, "it is closed")
        assert visit(running).status == 200
    finally:
        shop.unlink()

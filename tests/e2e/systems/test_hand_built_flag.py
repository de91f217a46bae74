"""What a maintenance flag built into an app by hand does, done to an app that has none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.servers import wait_until
from tests.support.visitor import PAGE, document, visit

FLAGS = """
flags:
  site: {page: {message: We move to a new machine.}}
  search:
    paths: [/anything/search, "/anything/*/search"]
    page: {message: Product search is down. Everything else works., retry_after: 10m}
  without-search:
    mode: notice
    notice: {banner: Search is being rebuilt., hide: ["#search-box"]}
  reindex: {paths: [/anything/search], user: [{cookie: uid}, {header: X-User-Id}]}
"""
SEARCH = "/anything/search"


@pytest.fixture(scope="module")
def running(httpbin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder: Path = tmp_path_factory.mktemp("hand-built")
    with GatewayProcess(folder, f"http://127.0.0.1:{httpbin}", FLAGS) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    yield running
    running.reset("site", "search", "without-search", "reindex")


def test_the_whole_site_answers_503_with_its_page_and_is_back_at_once(
    gateway: GatewayProcess,
) -> None:
    gateway.flip("site", enabled=True)
    page = visit(gateway, "/", accept=PAGE)
    assert (page.status, page.one("x-maintenance")) == (503, "site")
    assert b"We move to a new machine." in page.body
    assert visit(gateway, SEARCH, "POST").status == 503

    gateway.flip("site", enabled=False)
    assert visit(gateway, "/").status == 200


def test_a_whole_feature_is_down_with_a_message_of_its_own_and_the_rest_is_up(
    gateway: GatewayProcess,
) -> None:
    gateway.flip("search", enabled=True)
    for path in (f"{SEARCH}?q=shoes", f"{SEARCH}/shoes", "/anything/shoes/search"):
        said = document(gateway, path)
        assert (said["flag"], said["retry_after"]) == ("search", 600), path
        assert said["detail"] == "Product search is down. Everything else works."
    for path in ("/", "/anything", "/anything/searching"):
        assert visit(gateway, path).status == 200, path


def test_elements_of_the_feature_go_from_every_page(gateway: GatewayProcess) -> None:
    gateway.flip("without-search", enabled=True)
    page = visit(gateway, "/html", accept=PAGE)
    assert page.status == 200
    assert b"Search is being rebuilt." in page.body
    (style,) = [part for part in page.body.split(b'"') if part.startswith(b"/-/maintenance/")][:1]
    assert b"#search-box" in visit(gateway, style.decode()).body


def test_one_user_is_held_by_cookie_or_header_and_nobody_else(gateway: GatewayProcess) -> None:
    assert gateway.call("PUT", "flags/reindex/users/bob").status == 200
    assert visit(gateway, SEARCH, cookie="uid=bob").status == 503
    assert visit(gateway, SEARCH, x_user_id="bob").status == 503
    assert visit(gateway, SEARCH, cookie="uid=alice").status == 200
    assert visit(gateway, SEARCH).status == 200
    assert visit(gateway, "/anything", cookie="uid=bob").status == 200
    assert gateway.call("DELETE", "flags/reindex/users/bob").status == 200
    assert visit(gateway, SEARCH, cookie="uid=bob").status == 200


def test_the_flag_may_be_a_configuration_property_that_is_edited(gateway: GatewayProcess) -> None:
    on = FLAGS.replace("site: {", "site: {enabled: true, ")
    for flags, status in ((on, 503), (FLAGS, 200)):
        gateway.write_config(flags)
        wait_until(lambda now=status: visit(gateway).status == now, "the edit is followed")


def test_the_flag_may_be_a_value_in_a_store_that_outlives_a_crash(gateway: GatewayProcess) -> None:
    gateway.flip("search", enabled=True)
    gateway.kill_and_restart()
    assert visit(gateway, SEARCH).status == 503
    assert visit(gateway).status == 200

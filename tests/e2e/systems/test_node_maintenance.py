"""What the npm package ``maintenance`` does to an Express app, done to one that is not changed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.e2e.systems.conftest import FromEnvironment
from tests.support.exchange import Got
from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.servers import wait_until
from tests.support.visitor import DOCUMENT, PAGE, visit

KEY = "xx4zUU8Cyy7-of-the-tests"
URL = "/app/mt"
CONFIG = """
page: {json: [/anything/api], message: will be back, status: 503, template: myview.html}
flags: {site: {enabled: true}}
"""
VIEW = "<!doctype html><title>My view</title>"


class Toggled(GatewayProcess):
    """With the toggle at a path of its own."""

    def config_text(self, flags: str) -> str:
        toggle = f"toggle: {{path: {URL}, key: {KEY}}}"
        return super().config_text(flags).replace(f"token: {TOKEN}", f"token: {TOKEN}, {toggle}")


@pytest.fixture(scope="module")
def running(httpbin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    folder = tmp_path_factory.mktemp("node-maintenance")
    (folder / "myview.html").write_text(VIEW)
    with Toggled(folder, f"http://127.0.0.1:{httpbin}", CONFIG) as gateway:
        yield gateway


@pytest.fixture
def gateway(running: GatewayProcess) -> Iterator[GatewayProcess]:
    yield running
    running.reset("site")


def toggle(gateway: GatewayProcess, method: str, key: str = KEY) -> Got:
    return visit(gateway, f"{URL}?access_key={key}", method)


def test_it_starts_in_maintenance_by_configuration(gateway: GatewayProcess) -> None:
    assert visit(gateway, "/anything").status == 503
    assert json.loads(toggle(gateway, "GET").body)["enabled"] is True


def test_it_starts_in_maintenance_by_the_environment(
    httpbin: int, from_environment: FromEnvironment
) -> None:
    key = {"GATEWAY_CONTROL_TOGGLE_PATH": "/maintenance", "GATEWAY_CONTROL_TOGGLE_KEY": KEY}
    port = from_environment(httpbin, GATEWAY_ENABLED="true", **key)
    assert visit(port, "/anything").status == 503

    assert visit(port, f"/maintenance?access_key={KEY}", "DELETE").status == 200
    assert visit(port, "/anything").status == 200


def test_delete_ends_maintenance_and_post_begins_it_without_a_restart(
    gateway: GatewayProcess,
) -> None:
    assert toggle(gateway, "DELETE").status == 200
    assert visit(gateway, "/anything").status == 200
    assert toggle(gateway, "POST").status == 200
    assert visit(gateway, "/anything").status == 503


def test_get_tells_whether_it_is_on(gateway: GatewayProcess) -> None:
    told = [json.loads(toggle(gateway, "GET").body)["enabled"]]
    toggle(gateway, "DELETE")
    told.append(json.loads(toggle(gateway, "GET").body)["enabled"])
    assert told == [True, False]


def test_without_the_access_key_nothing_is_toggled(gateway: GatewayProcess) -> None:
    for key in ("", "wrong", KEY[:-1], TOKEN):
        assert toggle(gateway, "DELETE", key).status == 401, key
    assert visit(gateway, URL, "DELETE").status == 401
    assert visit(gateway, "/anything").status == 503


def test_the_key_may_stay_out_of_addresses(gateway: GatewayProcess) -> None:
    assert visit(gateway, URL, "DELETE", authorization=f"Bearer {KEY}").status == 200
    assert visit(gateway, "/anything").status == 200


def test_below_the_api_s_prefix_everybody_is_answered_in_json(gateway: GatewayProcess) -> None:
    for accept in (PAGE, DOCUMENT, "*/*"):
        got = visit(gateway, "/anything/api/users", accept=accept)
        assert (got.status, got.one("content-type")) == (503, "application/problem+json"), accept
        assert json.loads(got.body)["detail"] == "will be back"
    assert visit(gateway, "/anything/api/users", "POST").status == 503


def test_elsewhere_browsers_get_the_view(gateway: GatewayProcess) -> None:
    page = visit(gateway, "/anything/apis", accept=PAGE)
    assert (page.status, page.body) == (503, VIEW.encode())
    assert page.one("content-type") == "text/html; charset=utf-8"


def test_status_and_message_are_options(gateway: GatewayProcess) -> None:
    gateway.flip("site", page={"message": "at noon"})
    assert json.loads(visit(gateway, "/anything/api").body)["detail"] == "at noon"
    for status in (500, 503):
        gateway.write_config(CONFIG.replace("status: 503", f"status: {status}"))
        wait_until(lambda now=status: visit(gateway, "/anything").status == now, "the YAML's")

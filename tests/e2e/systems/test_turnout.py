"""What turnout does to a Rack app by a file, done to apps that are not changed.

Two gateways in front of two apps. Each has a file of its own, and one that both have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until
from tests.support.visitor import DOCUMENT, PAGE, document, visit

FLAGS = """
flags:
  app: {source: {file: tmp/app.yml}, page: {template: maintenance.html}}
  server: {source: {file: %s}, page: {message: Back soon., retry_after: 2h}}
"""
TEMPLATE = "<!doctype html><title>Ours</title><h1>{{ message }}</h1>"
TRUSTING = "trusted_proxies: [127.0.0.1/32]\n"  # so that a test may come from any address


@dataclass(frozen=True, slots=True)
class Group:
    """Apps of one server: ``shop`` and ``blog``."""

    shop: GatewayProcess
    blog: GatewayProcess
    server_file: Path

    @property
    def app_file(self) -> Path:
        return self.shop.folder / "tmp" / "app.yml"

    def put(self, file: Path, text: str = "", held: str = "/") -> None:
        """Put the file there, whole; returns once the shop has seen it."""
        written = file.with_suffix(".new")
        written.write_text(text)
        written.rename(file)
        wait_until(lambda: visit(self.shop, held).status != 200, "the shop is closed")

    def log_tail(self) -> str:
        return f"{self.shop.log_tail()}\n--- blog\n{self.blog.log_tail()}"


@pytest.fixture(scope="module")
def running(httpbin: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    folder = tmp_path_factory.mktemp("turnout")
    server_file = folder / "server.yml"
    for app in ("shop", "blog"):
        (folder / app / "tmp").mkdir(parents=True)
        (folder / app / "maintenance.html").write_text(TEMPLATE)
    flags = FLAGS % server_file
    shop = GatewayProcess(folder / "shop", f"http://127.0.0.1:{httpbin}", flags, extra=TRUSTING)
    with PlainApp() as app, shop, GatewayProcess(folder / "blog", app.url, flags) as blog:
        yield Group(shop, blog, server_file)


@pytest.fixture
def group(running: Group) -> Iterator[Group]:
    yield running
    for file in (running.app_file, running.server_file):
        file.unlink(missing_ok=True)
    both = (running.shop, running.blog)
    wait_until(lambda: [visit(each).status for each in both] == [200, 200], "both are open")


def test_touch_closes_the_app_and_rm_opens_it_again(group: Group) -> None:
    group.put(group.app_file)
    got = visit(group.shop)
    assert (got.status, got.one("x-maintenance")) == (503, "app")

    group.app_file.unlink()
    wait_until(lambda: visit(group.shop).status == 200, "the shop is open")


def test_one_file_closes_a_group_of_apps_and_a_file_of_its_own_one_of_them(group: Group) -> None:
    group.put(group.server_file)
    wait_until(lambda: visit(group.blog).one("x-maintenance") == "server", "the blog is closed")
    group.server_file.unlink()
    for gateway in (group.shop, group.blog):
        wait_until(lambda gateway=gateway: visit(gateway).status == 200, "it is open")

    group.put(group.app_file)
    assert visit(group.blog).status == 200


def test_the_reason_in_the_file_is_told_in_html_json_and_plain_text(group: Group) -> None:
    group.put(group.server_file, "message: Somebody googled Google!")

    page = visit(group.shop, accept=PAGE)
    assert page.one("content-type") == "text/html; charset=utf-8"
    assert b"Somebody googled Google!" in page.body
    assert document(group.shop)["detail"] == "Somebody googled Google!"
    plain = visit(group.shop)
    assert plain.one("content-type") == "text/plain; charset=utf-8"
    assert b"Somebody googled Google!" in plain.body


def test_a_reason_is_text_whatever_markup_is_in_it(group: Group) -> None:
    group.put(group.server_file, "message: Type <code>rm</code>")
    page = visit(group.shop, accept=PAGE)
    assert b"Type &lt;code&gt;rm&lt;/code&gt;" in page.body


def test_paths_are_allowed_by_regular_expressions(group: Group) -> None:
    group.put(
        group.app_file, "allow: {paths: ['~ ^/anything/faqs/[0-9]*$', '~ ^/anything/contact_us']}"
    )
    allowed = ("/anything/faqs/12", "/anything/contact_us/today")
    held = ("/anything/faqs/x", "/anything", "/x/anything/contact_us")
    assert {visit(group.shop, path).status for path in allowed} == {200}
    assert {visit(group.shop, path).status for path in held} == {503}


def test_a_negative_look_ahead_closes_one_path_alone(group: Group) -> None:
    there = "/anything/checkout"
    group.put(group.app_file, f"allow: {{paths: ['~ ^(?!{there})']}}", held=there)
    assert visit(group.shop, "/anything").status == 200


def test_addresses_and_ranges_are_allowed(group: Group) -> None:
    group.put(group.app_file, "allow: {ips: [4.8.15.16, 192.168.0.0/24]}")
    seen = {
        address: visit(group.shop, x_forwarded_for=address).status
        for address in ("4.8.15.16", "192.168.0.77", "4.8.15.17", "192.168.1.1")
    }
    assert seen == {
        "4.8.15.16": 200, "192.168.0.77": 200, "4.8.15.17": 503, "192.168.1.1": 503,
    }  # fmt: skip


def test_the_file_sets_response_code_and_retry_after(group: Group) -> None:
    group.put(group.app_file, "status: 418\nretry_after: 3600")
    got = visit(group.shop, accept=DOCUMENT)
    assert (got.status, got.one("retry-after")) == (418, "3600")


def test_where_the_file_says_nothing_the_configuration_s_defaults_hold(group: Group) -> None:
    group.put(group.server_file)
    got = visit(group.shop)
    assert (got.status, got.one("retry-after")) == (503, "7200")
    assert document(group.shop)["detail"] == "Back soon."


def test_the_file_may_be_edited_while_it_is_there(group: Group) -> None:
    group.put(group.server_file, "message: Until noon.")
    group.put(group.server_file, "message: Until one.")
    wait_until(lambda: document(group.shop)["detail"] == "Until one.", "the edit is seen")


def test_a_page_of_its_own_shows_the_reason(group: Group) -> None:
    group.put(group.app_file, "message: Somebody googled Google!")
    page = visit(group.shop, accept=PAGE)
    assert page.body == TEMPLATE.replace("{{ message }}", "Somebody googled Google!").encode()


def test_the_page_comes_in_the_visitor_s_language(group: Group) -> None:
    group.put(group.server_file)
    page = visit(group.shop, accept=PAGE, accept_language="de-AT, en;q=0.5")
    assert page.one("content-language") == "de"
    assert b'lang="de"' in page.body


def test_a_file_as_turnout_writes_it_closes_the_app_and_is_reported(group: Group) -> None:
    group.put(group.app_file, "reason: Back at noon.\nallowed_ips: [127.0.0.1]\n")
    assert visit(group.shop).status == 503
    errors = group.shop.call("GET", "status").document["config"]["errors"]
    assert [each["message"] for each in errors] == [
        "reason: unknown key", "allowed_ips: unknown key",
    ]  # fmt: skip

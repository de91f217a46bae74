"""A stock Django project behind the gateway: admin, login, forms, files, and flags over it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.django_site import Browser, Page, copy_project, serve_project
from tests.support.exchange import Ask, exchange
from tests.support.gateway_process import GatewayProcess
from tests.support.servers import Program

FLAGS = """
flags:
  site: {allow: {paths: [/static]}}
  session: {user: {cookie: sessionid}}
  writes: {mode: read-only}
  soon: {mode: notice, notice: {banner: Soon., hide: ["#changelist-search"]}}
  nobody: {mode: anonymous, strip: {cookies: [sessionid]}}
"""
NOTICE = re.compile(rb'<link rel="stylesheet" href="/-/maintenance/[^>]*><div [^>]*>Soon.</div>')
NEW_USER = {
    "username": "maria",
    "usable_password": "true",
    "password1": "another long passphrase",
    "password2": "another long passphrase",
}


@dataclass(frozen=True, slots=True)
class Shop:
    """Two copies of one project: one alone, and one behind the gateway."""

    alone: Program
    alone_port: int
    behind: Program
    gateway: GatewayProcess

    def log_tail(self) -> str:
        logs = (self.gateway.log_tail(), self.behind.log_tail(), self.alone.log_tail())
        return "\n--- gunicorn\n".join(logs)


@pytest.fixture(scope="module")
def shop(django_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("django")
    alone, alone_port = serve_project(copy_project(django_project, folder / "alone"))
    behind, behind_port = serve_project(copy_project(django_project, folder / "behind"))
    gateway = GatewayProcess(folder / "gateway", f"http://127.0.0.1:{behind_port}", FLAGS)
    with ExitStack() as stack:
        for program in (alone, behind, gateway):
            stack.enter_context(program)
        yield Shop(alone, alone_port, behind, gateway)


@pytest.fixture
def gateway(shop: Shop) -> Iterator[GatewayProcess]:
    """The gateway, with every flag as the YAML has it again afterwards."""
    yield shop.gateway
    shop.gateway.reset("site", "session", "writes", "soon", "nobody")


async def journey(port: int) -> list[tuple[str, Page]]:
    """A working day in the admin: what a person clicks, and what came back each time."""
    async with Browser(port) as person:
        pages = [
            ("the welcome page", await person.get("/")),
            ("its head", await person.get("/", "HEAD")),
            ("no such page", await person.get("/no/such/page?x=1")),
            ("no slash", await person.get("/admin")),
            ("not logged in", await person.get("/admin/")),
            ("wrong password", await person.log_in("wrong")),
            ("no token", await person.post("/admin/login/", {}, token="")),
            ("logged in", await person.log_in()),
            ("the admin", await person.get("/admin/")),
            ("an empty list", await person.get("/admin/auth/group/")),
        ]
        form = await person.get("/admin/auth/user/add/")
        added = await person.post(
            "/admin/auth/user/add/", NEW_USER, token=form.token, upload=bytes(range(256)) * 4096
        )
        again = await person.post("/admin/auth/user/add/", NEW_USER, token=form.token)
        users = await person.get("/admin/auth/user/?q=maria&o=-1")
        question = await person.get("/admin/auth/user/2/delete/")
        deleted = await person.post(
            "/admin/auth/user/2/delete/", {"post": "yes"}, token=question.token
        )
        pages += [
            ("the form", form),
            ("a user added", added),
            ("a user added twice", again),
            ("the users", users),
            ("delete?", question),
            ("deleted", deleted),
            ("the history", await person.get("/admin/auth/user/1/history/")),
            ("a style sheet", await person.get("/static/admin/css/base.css")),
            ("a script", await person.get("/static/admin/js/vendor/jquery/jquery.js")),
            ("a font or image", await person.get("/static/admin/img/icon-yes.svg")),
            ("no such file", await person.get("/static/admin/none.css")),
            ("logged out", await person.post("/admin/logout/", {}, token=users.token)),
            ("not logged in again", await person.get("/admin/")),
        ]
        modified = pages[-6][1].one("last-modified") or ""
        pages.append(
            (
                "not modified",
                await person.get("/static/admin/css/base.css", If_Modified_Since=modified),
            )
        )
    return pages


async def test_day_in_the_admin_is_the_same_as_without_the_gateway(shop: Shop) -> None:
    without = await journey(shop.alone_port)
    through = await journey(shop.gateway.port)

    for (step, expected), (_, page) in zip(without, through, strict=True):
        assert replace(page, token="") == replace(expected, token=""), step
    # The same failure on both sides would compare as equal.
    statuses = {step: page.status for step, page in through}
    assert statuses == {
        **dict.fromkeys(statuses, 200),
        "no such page": 404,
        "no slash": 301,
        "not logged in": 302,
        "no token": 403,
        "logged in": 302,
        "a user added": 302,
        "deleted": 302,
        "no such file": 404,
        "not logged in again": 302,
        "not modified": 304,
    }


async def test_site_flag_closes_everything_but_what_is_exempt(gateway: GatewayProcess) -> None:
    async with Browser(gateway.port) as person:
        assert (await person.log_in()).status == 302
        gateway.flip("site", enabled=True)
        page = await person.get("/admin/", Accept="text/html")
        style = await person.get("/static/admin/css/base.css")
        gateway.flip("site", enabled=False)
        after = await person.get("/admin/")

    assert page.status == 503
    assert page.one("x-maintenance") == "site"
    assert page.one("cache-control") == "no-store"
    assert int(page.one("retry-after") or 0) > 0
    assert b"<html" in page.body.lower()
    assert style.status == 200
    assert after.status == 200  # still logged in


async def test_user_flag_holds_one_session_and_no_other(gateway: GatewayProcess) -> None:
    async with (
        Browser(gateway.port) as held,
        Browser(gateway.port) as other,
        Browser(gateway.port) as stranger,
    ):
        await held.log_in()
        await other.log_in()
        users = f"flags/session/users/{held.cookie('sessionid')}"
        assert gateway.call("PUT", users).status == 200
        during = [(await one.get("/admin/")).status for one in (held, other, stranger)]
        assert gateway.call("DELETE", users).status == 200
        after = await held.get("/admin/")

    assert during == [503, 200, 302]
    assert after.status == 200


async def test_read_only_serves_pages_and_refuses_the_login(gateway: GatewayProcess) -> None:
    async with Browser(gateway.port) as person:
        gateway.flip("writes", enabled=True)
        form = await person.get("/admin/login/")
        refused = await person.log_in()
        gateway.flip("writes", enabled=False)
        accepted = await person.log_in()

    assert form.status == 200
    assert refused.status == 503
    assert refused.one("x-maintenance") == "writes"
    assert accepted.status == 302


async def test_method_override_gets_no_write_past_read_only(gateway: GatewayProcess) -> None:
    gateway.flip("writes", enabled=True)
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        got = exchange(gateway.port, Ask("/admin/", fields=((name, "DELETE"),)))

        assert got.status == 503, name


async def test_refused_upload_gets_its_answer(gateway: GatewayProcess) -> None:
    gateway.flip("site", enabled=True)
    async with Browser(gateway.port) as person:
        page = await person.post("/admin/login/", {}, token="", upload=bytes(2**20))

    assert page.status == 503


async def test_notice_changes_nothing_else_of_the_admin(gateway: GatewayProcess) -> None:
    paths = ("/", "/admin/", "/admin/auth/user/", "/admin/auth/user/add/", "/no/such/page",
             "/admin", "/static/admin/css/base.css", "/static/admin/js/core.js")  # fmt: skip
    async with Browser(gateway.port) as person:
        assert (await person.log_in()).status == 302
        without = [await person.get(path, Accept="text/html,*/*") for path in paths]
        gateway.flip("soon", enabled=True)
        noticed = [await person.get(path, Accept="text/html,*/*") for path in paths]

    for page, expected, path in zip(noticed, without, paths, strict=True):
        html = page.status != 301 and not path.startswith("/static/")
        bare, count = NOTICE.subn(b"", page.body)
        assert (bare, count, page.status) == (expected.body, html, expected.status), path
        assert page.fields == expected.fields or html, path


async def test_anonymous_logs_everybody_out_for_as_long_as_it_is_on(
    gateway: GatewayProcess,
) -> None:
    async with Browser(gateway.port) as person:
        assert (await person.log_in()).status == 302
        gateway.flip("nobody", enabled=True)
        during = await person.get("/admin/")
        gateway.flip("nobody", enabled=False)
        after = await person.get("/admin/")

    assert during.status == 302
    assert after.status == 200

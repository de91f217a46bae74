"""What django-db-tools does to a Django project, done to a stock one that is not changed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.systems.conftest import FromEnvironment
from tests.support.django_site import Browser, copy_project, serve_project
from tests.support.gateway_process import GatewayProcess
from tests.support.servers import Program
from tests.support.visitor import PAGE, visit
from tests.support.workers import children

FLAGS = """
flags:
  told: {mode: notice, notice: {banner: We only read today., hide: ["#user-tools"]}}
  get-only: {mode: read-only}
  read-only: {mode: anonymous, strip: {cookies: [sessionid]}}
"""
MARIA = {
    "username": "maria",
    "usable_password": "true",
    "password1": "another long passphrase",
    "password2": "another long passphrase",
}


@dataclass(frozen=True, slots=True)
class Site:
    app: Program
    app_port: int
    gateway: GatewayProcess

    def log_tail(self) -> str:
        return f"{self.gateway.log_tail()}\n--- gunicorn\n{self.app.log_tail()}"


@pytest.fixture(scope="module")
def site(django_project: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("django-db-tools")
    app, port = serve_project(copy_project(django_project, folder / "shop"))
    gateway = GatewayProcess(folder / "gateway", f"http://127.0.0.1:{port}", FLAGS)
    with ExitStack() as running:
        running.enter_context(app)
        yield Site(app, port, running.enter_context(gateway))


@pytest.fixture
def gateway(site: Site) -> Iterator[GatewayProcess]:
    yield site.gateway
    site.gateway.reset("told", "get-only", "read-only")


async def test_get_only_mode_lets_everybody_look_and_refuses_every_write(
    gateway: GatewayProcess,
) -> None:
    async with Browser(gateway.port) as person:
        await person.log_in()
        form = await person.get("/admin/auth/user/add/")
        gateway.flip("get-only", enabled=True)
        users = await person.get("/admin/auth/user/")
        refused = await person.post("/admin/auth/user/add/", MARIA, token=form.token)
        after = await person.get("/admin/auth/user/")
        others = {each: visit(gateway, "/", each).status for each in ("PUT", "PATCH", "DELETE")}
        gateway.flip("get-only", enabled=False)
        accepted = await person.post("/admin/auth/user/add/", MARIA, token=form.token)

    assert (form.status, users.status, after.status) == (200, 200, 200)  # and logged in
    assert (refused.status, refused.one("x-maintenance")) == (503, "get-only")
    assert others == {"PUT": 503, "PATCH": 503, "DELETE": 503}
    assert b"maria" not in after.body
    assert accepted.status == 302


async def test_read_only_mode_makes_everybody_anonymous_and_gives_them_back_their_session(
    gateway: GatewayProcess,
) -> None:
    async with Browser(gateway.port) as one, Browser(gateway.port) as other:
        for person in (one, other):
            assert (await person.log_in()).status == 302
        gateway.flip("read-only", enabled=True)
        during = [await person.get("/admin/") for person in (one, other)]
        welcome = await one.get("/")
        gateway.flip("read-only", enabled=False)
        after = [(await person.get("/admin/")).status for person in (one, other)]

    assert [page.one("location") for page in during] == ["/admin/login/?next=/admin/"] * 2
    assert welcome.status == 200
    assert after == [200, 200]


async def test_both_modes_at_once_leave_a_site_that_anybody_reads_and_nobody_changes(
    gateway: GatewayProcess,
) -> None:
    async with Browser(gateway.port) as person:
        await person.log_in()
        for flag in ("get-only", "read-only"):
            gateway.flip(flag, enabled=True)
        signed_out = await person.get("/admin/")
        log_in = await person.get("/admin/login/")
        refused = await person.log_in()

    assert (signed_out.status, log_in.status, refused.status) == (302, 200, 503)


async def test_pages_say_that_the_site_is_read_only(gateway: GatewayProcess) -> None:
    async with Browser(gateway.port) as person:
        await person.log_in()
        plain = await person.get("/admin/", Accept=PAGE)
        for flag in ("told", "get-only"):
            gateway.flip(flag, enabled=True)
        told = await person.get("/admin/", Accept=PAGE)

    assert b"We only read today." in told.body
    assert b"We only read today." not in plain.body
    assert told.status == 200


async def test_neither_mode_needs_a_restart_of_the_app(site: Site, gateway: GatewayProcess) -> None:
    before = children(site.app.pid)
    for flag in ("get-only", "read-only"):
        gateway.flip(flag, enabled=True)
    assert visit(gateway, "/", "POST").status == 503

    assert before == children(site.app.pid)
    assert len(before) == 2


def test_a_mode_may_be_set_by_the_environment_alone(
    site: Site, from_environment: FromEnvironment
) -> None:
    port = from_environment(site.app_port, GATEWAY_FLAGS="{site: {mode: read-only, enabled: true}}")

    assert visit(port, "/admin/login/").status == 200
    assert visit(port, "/admin/login/", "POST").status == 503

"""deploy/compose as `docker compose up --scale gateway=2` starts it, as local processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.deploy.compose_processes import COMPOSE, Compose, read_services
from tests.support.exchange import Ask, Got, exchange
from tests.support.ports import free_port
from tests.support.redis_server import MISSING
from tests.support.servers import wait_until

PATIENCE = 60.0  # seconds: a fail-safe that only a hang meets


@dataclass(frozen=True, slots=True)
class Site:
    """What runs: two gateways, the app and Redis."""

    compose: Compose
    public: tuple[int, int]
    control: tuple[int, int]

    def ask(self, target: str, replica: int = 0, cookie: str = "") -> Got:
        fields = [("Cookie", cookie)] if cookie else []
        return exchange(self.public[replica], Ask(target, fields=fields))

    def tasks(self, *words: str, replica: int = 0) -> subprocess.CompletedProcess[str]:
        """`docker compose run --rm tasks WORDS`."""
        command, environ = self.compose.started("tasks", *words)
        environ["GATEWAY_URL"] = f"http://127.0.0.1:{self.control[replica]}"
        return subprocess.run(
            command,
            env={"PATH": os.environ["PATH"], **environ},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def until(self, target: str, status: int) -> None:
        for replica in (0, 1):
            wait_until(
                lambda replica=replica: self.ask(target, replica).status == status,
                f"replica {replica} answers {target} with {status}",
                within=PATIENCE,
            )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    if shutil.which("redis-server") is None:
        pytest.skip(MISSING)
    compose = Compose(tmp_path_factory.mktemp("compose"))
    public, control = (free_port(), free_port()), (free_port(), free_port())
    with contextlib.ExitStack() as stack:
        stack.enter_context(compose.program("redis", "redis", port=compose.ports["redis:6379"]))
        stack.enter_context(compose.program("app", "app", port=compose.ports["app:8000"]))
        for at in (0, 1):
            stack.enter_context(
                compose.program(
                    "gateway", f"gateway-{at + 1}", public=public[at], control=control[at]
                )
            )
        yield Site(compose, public, control)


def test_a_flip_holds_on_every_replica(site: Site) -> None:
    site.until("/", 200)
    done = site.tasks("on", "site", "--reason", "moving the database")
    assert done.returncode == 0, done.stderr
    site.until("/", 503)
    assert site.tasks("off", "site", replica=1).returncode == 0
    site.until("/", 200)


def test_a_guard_of_the_tasks_service_runs_a_command_while_no_replica_lets_any_through(
    site: Site, tmp_path: Path
) -> None:
    ask = "import sys, urllib.request as r; r.urlopen(sys.argv[1])"
    seen = [
        f"""python3 -c '{ask}' http://127.0.0.1:{port}/search 2>&1 | tail -1 >>{tmp_path}/seen"""
        for port in site.public
    ]
    done = site.tasks("guard", "search", "--", "sh", "-c", "; ".join(seen))
    assert done.returncode == 0, done.stderr
    assert "drained" in done.stdout + done.stderr
    assert (tmp_path / "seen").read_text().count("503") == 2
    site.until("/search", 200)


def test_one_user_is_held_on_every_replica(site: Site) -> None:
    assert site.tasks("on", "reindex", "--user", "ann").returncode == 0
    wait_until(
        lambda: [site.ask("/search", at, "uid=ann").status for at in (0, 1)] == [503, 503],
        "both replicas hold her",
        within=PATIENCE,
    )
    assert site.ask("/search", 0, "uid=bob").status == 200
    assert site.tasks("off", "reindex", "--user", "ann").returncode == 0


def test_an_edit_of_the_mounted_folder_is_followed(site: Site) -> None:
    for at in (0, 1):
        config = site.compose.folder / f"gateway-{at + 1}" / "config.yaml"
        site.compose.edit(config, "  site: {}\n", "  site: {enabled: true}\n")
    site.until("/", 503)
    for at in (0, 1):
        config = site.compose.folder / f"gateway-{at + 1}" / "config.yaml"
        site.compose.edit(config, "  site: {enabled: true}\n", "  site: {}\n")
    site.until("/", 200)


def test_what_serves_may_write_nowhere_and_do_nothing_more() -> None:
    for name, service in read_services().items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name


def test_nobody_reaches_the_app_or_redis_but_through_the_gateway() -> None:
    services = read_services()
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"gateway"}
    assert services["app"]["networks"] == ["inside"]
    for name, service in services.items():
        assert ("store" in service["networks"]) == (name in {"gateway", "redis"}), name
    assert services["redis"]["networks"] == ["store"]


def test_the_app_and_redis_have_no_way_out_or_in() -> None:
    networks = yaml.safe_load((COMPOSE / "compose.yaml").read_text())["networks"]
    assert {name for name, said in networks.items() if said and said["internal"]} == {
        "inside",
        "store",
    }

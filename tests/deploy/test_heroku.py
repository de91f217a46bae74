"""deploy/heroku: the Procfile run by a Procfile runner, with what app.json sets, before Django."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import Ask, Got, exchange
from tests.support.ports import free_port
from tests.support.servers import BIN, Program, accepts, wait_until

HEROKU = Path(__file__).parents[2] / "deploy" / "heroku"
APP = json.loads((HEROKU / "app.json").read_text())
TOKEN = "heroku-tests-token"
PATIENCE = 60.0  # seconds: a fail-safe that only a hang meets

# https://devcenter.heroku.com/articles/app-json-schema, as of 2025
KEYS = {
    "name", "description", "keywords", "website", "repository", "logo", "success_url", "scripts",
    "env", "formation", "addons", "buildpacks", "environments", "stack", "image",
}  # fmt: skip
OF_VARIABLE = {"description", "value", "required", "generator"}

# Django's own project, which takes connections only once ``go`` is there.
WSGI = """
import os, pathlib, time
os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
while not pathlib.Path("go").exists():
    time.sleep(0.01)
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
"""


class Dyno:
    """The web process of the Procfile, as a dyno has it; ``command`` is what starts it."""

    def __init__(self, folder: Path, *command: str) -> None:
        self.folder, self.port = folder, free_port()
        environ = {name: said.get("value", TOKEN) for name, said in APP["env"].items()}
        # A dyno is a machine of its own. On this one the usual control address may be taken; and
        # an app that loads while its parent listens takes connections too early to be told apart.
        environ |= {"GATEWAY_CONTROL_LISTEN": "null", "GUNICORN_CMD_ARGS": "--preload"}
        environ |= {"PATH": f"{BIN}:{os.environ['PATH']}", "PORT": str(self.port), "REDIS_URL": ""}
        self.program = Program(
            "dyno", command, log=folder / "dyno.log", ports=[self.port], env=environ, cwd=folder
        )

    def ask(self, target: str = "/") -> Got:
        return exchange(self.port, Ask(target, host="localhost"))

    def cli(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`gateway` on somebody's laptop."""
        return subprocess.run(
            [str(BIN / "gateway"), "--url", f"http://127.0.0.1:{self.port}/-/maintenance", *words],
            env={"GATEWAY_CONTROL_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    made = [str(BIN / "django-admin"), "startproject", "shop", str(folder)]
    subprocess.run(made, check=True, capture_output=True)
    (folder / "shop" / "wsgi.py").write_text(WSGI)
    (folder / "Procfile").write_text((HEROKU / "Procfile").read_text())
    return folder


@pytest.fixture
def dyno(project: Path) -> Iterator[Dyno]:
    (project / "go").unlink(missing_ok=True)
    made = Dyno(project, str(BIN / "honcho"), "start", "web")
    with made.program:
        yield made


def test_a_dyno_starts_and_is_flipped_from_afar(dyno: Dyno) -> None:
    starting = dyno.ask()
    assert (starting.status, starting.one("x-maintenance-starting")) == (503, "1")
    assert dyno.ask("/-/maintenance/healthz").status == 200
    assert dyno.ask("/-/maintenance/readyz").status == 503

    (dyno.folder / "go").touch()
    wait_until(lambda: dyno.ask().status == 200, "Django answers", within=PATIENCE)
    wait_until(
        lambda: dyno.ask("/-/maintenance/readyz").status == 200, "it is ready", within=PATIENCE
    )

    done = dyno.cli("on", "site", "--reason", "moving the database")
    assert done.returncode == 0, done.stderr
    assert dyno.ask().status == 503
    assert dyno.ask("/-/maintenance/healthz").status == 200
    assert dyno.cli("off", "site").returncode == 0
    assert dyno.ask().status == 200

    dyno.program.terminate()
    assert not accepts(dyno.port)


@pytest.mark.parametrize("shell", ["bash", "sh"])  # Heroku's, and one that stays in between if let
def test_it_ends_with_the_app_s_status(project: Path, shell: str) -> None:
    (project / "go").touch()
    line = (HEROKU / "Procfile").read_text().removeprefix("web: ").strip()
    dyno = Dyno(project, shell, "-c", line)
    with dyno.program:
        wait_until(lambda: dyno.ask().status == 200, "Django answers", within=PATIENCE)
        assert dyno.program.terminate() == 0  # gunicorn's
        assert "Handling signal: term" in dyno.program.log.read_text()
        assert not accepts(dyno.port)


def test_app_json_has_documented_keys_alone() -> None:
    assert APP.keys() <= KEYS
    for name, said in APP["env"].items():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*", name)
        assert said.keys() <= OF_VARIABLE
        assert said.get("generator", "secret") == "secret"


def test_the_procfile_has_the_one_process_that_app_json_runs() -> None:
    lines = (HEROKU / "Procfile").read_text().splitlines()
    assert [line.partition(":")[0] for line in lines] == list(APP["formation"]) == ["web"]


def test_both_ends_fit_into_what_heroku_waits() -> None:
    seconds = int(APP["env"]["GATEWAY_TIMEOUTS_SHUTDOWN"]["value"].removesuffix("s"))
    assert 2 * seconds < 30


def test_the_page_shows_the_procfile_that_runs_here() -> None:
    page = (HEROKU / "README.md").read_text()
    assert f"```\n{(HEROKU / 'Procfile').read_text()}```" in page
    for name, said in APP["env"].items():
        assert f"{name}={said['value']}" in page if "value" in said else name in page

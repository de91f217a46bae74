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
from tests.support.servers import BIN, Program, accepts, free_port, wait_until

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
    """The web process of the Procfile, as a dyno has it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "Procfile").write_text((HEROKU / "Procfile").read_text())
        environ = {name: said.get("value", TOKEN) for name, said in APP["env"].items()}
        # A dyno is a machine of its own. On this one the usual control address may be taken; and
        # an app that loads while its parent listens takes connections too early to be told apart.
        environ |= {"GATEWAY_CONTROL_LISTEN": "null", "GUNICORN_CMD_ARGS": "--preload"}
        (folder / ".env").write_text("".join(f"{key}={text}\n" for key, text in environ.items()))
        self.program = Program(
            "honcho",
            [str(BIN / "honcho"), "start", "--port", str(self.port), "web"],
            log=folder / "honcho.log",
            ports=[self.port],
            env={"PATH": f"{BIN}:{os.environ['PATH']}", "REDIS_URL": ""},
            cwd=folder,
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


@pytest.fixture
def dyno(tmp_path: Path) -> Iterator[Dyno]:
    made = [str(BIN / "django-admin"), "startproject", "shop", str(tmp_path)]
    subprocess.run(made, check=True, capture_output=True)
    (tmp_path / "shop" / "wsgi.py").write_text(WSGI)
    made_dyno = Dyno(tmp_path)
    with made_dyno.program:
        yield made_dyno


def test_a_dyno_starts_is_flipped_from_afar_and_ends_as_the_app_does(dyno: Dyno) -> None:
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
    assert "Traceback" not in dyno.program.log_tail()
    assert re.search(r"stopped \(rc=-?(0|15)\)", dyno.program.log_tail()), dyno.program.log_tail()


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

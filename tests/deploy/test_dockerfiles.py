"""What can be said of the Dockerfiles without building them; `make image-replay` builds them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from gateway.cli.main import VERBS
from tests.support.dockerfile import last_stage, read_dockerfile
from tests.support.servers import BIN

ROOT = Path(__file__).parents[2]
IMAGE = read_dockerfile(ROOT / "Dockerfile")
ADOPTED = read_dockerfile(ROOT / "deploy" / "docker" / "app" / "Dockerfile")


def said(name: str, instructions=IMAGE):
    return [each for each in last_stage(instructions) if each.name == name]


def context() -> set[str]:
    """The paths that .dockerignore lets into the build."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    return {line[1:] for line in lines if line.startswith("!")}


def test_every_manifest_passes_its_checker():
    done = subprocess.run(
        ["sh", str(ROOT / "deploy" / "check.sh")],
        env={"BIN": str(BIN), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_build_gets_what_it_copies_and_nothing_else():
    copied = {
        word
        for each in IMAGE
        if each.name == "COPY" and "--from" not in each.text
        for word in each.words[:-1]
    }
    assert copied == context()
    assert all((ROOT / path).exists() for path in copied)


def test_it_runs_as_a_user_with_a_number_and_without_a_shell():
    (user,) = said("USER")
    assert user.words == ["10001:10001"]
    for name in ("ENTRYPOINT", "CMD", "HEALTHCHECK"):
        for instructions in (IMAGE, ADOPTED):
            assert all(each.is_exec_form for each in said(name, instructions)), name


@pytest.mark.parametrize("instructions", [IMAGE, ADOPTED], ids=["image", "adopted"])
def test_its_health_is_asked_by_a_verb_that_there_is(instructions):
    (check,) = said("HEALTHCHECK", instructions)
    assert Path(check.words[0]).name == "gateway"
    assert check.words[1] in VERBS
    (entry,) = said("ENTRYPOINT", instructions)
    assert entry.words[0] == check.words[0]


def test_it_listens_on_the_port_that_it_exposes():
    (environ,) = said("ENV")
    (port,) = said("EXPOSE")
    assert f"PORT={port.text}" in environ.words
    assert said("VOLUME")[0].text == said("WORKDIR")[0].text == "/data"


def test_an_app_s_image_adopts_the_folder_that_the_image_has():
    (copied,) = (each for each in said("COPY", ADOPTED))
    assert copied.words == ["--from=gateway", "/opt/gateway", "/opt/gateway"]
    assert any(each.words[-1] == "/opt/gateway" for each in said("COPY"))

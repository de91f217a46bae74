"""The store's disk is full, or the store is gone: flips fail loudly, traffic goes on, it mends.

The disk is a real one, a tmpfs of a quarter of a megabyte; mounting it takes root.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.exchange import Ask, exchange
from tests.support.gateway_process import GatewayProcess
from tests.support.plain_app import PlainApp
from tests.support.servers import wait_until

FLAGS = """
flags:
  site: {}
  fresh: {paths: [/fresh], ttl: 0}
  careful: {paths: [/careful], strict: true}
"""
WITHIN = 40.0  # seconds for a lease to run out, or to be had again, on a busy machine


class Stage(GatewayProcess):
    """A gateway whose store is in a folder of its own, ``disk``."""

    @property
    def disk(self) -> Path:
        return self.folder / "disk"

    def config_text(self, flags: str) -> str:
        return super().config_text(flags).replace("/gateway.db", "/disk/gateway.db")

    def asked(self, target: str) -> int:
        return exchange(self.port, Ask(target)).status

    def descriptors(self) -> int:
        return len(list(Path(f"/proc/{self.program.pid}/fd").iterdir()))

    def ready(self) -> bool:
        return self.call("GET", "/readyz").status == 200


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """With the store on a small disk of its own."""
    (tmp_path / "disk").mkdir()
    _run("mount", "-t", "tmpfs", "-o", "size=256k", "gateway-test", str(tmp_path / "disk"))
    try:
        with PlainApp() as app, Stage(tmp_path, app.url, FLAGS) as stage:
            yield stage
    finally:
        _run("umount", "--lazy", str(tmp_path / "disk"))


def _run(*command: str) -> None:
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip(f"cannot {command[0]} a file system here")


def fill(stage: Stage) -> Path:
    """Leave not a page of the disk free."""
    filler = stage.disk / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return filler


def test_a_full_disk_fails_flips_loudly_and_changes_nothing_until_there_is_room(
    stage: Stage,
) -> None:
    stage.flip("fresh", enabled=True)
    before = stage.call("GET", "flags").document
    assert stage.asked("/") == 200
    filler = fill(stage)
    wait_until(lambda: not stage.ready(), "the full disk shows", within=WITHIN)
    descriptors = stage.descriptors()
    for _ in range(20):
        reply = stage.call("PATCH", "flags/site", {"enabled": True, "reason": "🚧" * 4000})

    assert (reply.status, reply.content_type) == (503, "application/problem+json")
    assert f"{stage.disk}/gateway.db" in reply.document["detail"]
    assert "nothing was changed" in reply.document["detail"]
    assert "disk is full" in stage.call("GET", "status").document["store"]["error"]
    assert stage.cli("on", "site").returncode != 0
    assert stage.call("GET", "flags").document["flags"] == before["flags"]
    assert [stage.asked(target) for target in ("/", "/fresh")] == [200, 503]
    wait_until(lambda: stage.asked("/careful") == 503, "the lease runs out", within=WITHIN)

    filler.unlink()
    wait_until(stage.ready, "room is found by itself", within=WITHIN)
    wait_until(lambda: stage.asked("/careful") == 200, "the lease is had again", within=WITHIN)
    assert stage.flip("site", enabled=True).document["revision"] == before["revision"] + 1
    assert stage.asked("/") == 503
    wait_until(lambda: stage.descriptors() <= descriptors, "no descriptor more than before")
    assert "Traceback" not in stage.program.log.read_text()


def test_a_store_that_is_gone_is_not_made_anew_and_is_used_again_when_it_is_back(
    stage: Stage,
) -> None:
    stage.flip("fresh", enabled=True)
    files = [stage.disk / name for name in ("gateway.db", "gateway.db-wal", "gateway.db-shm")]
    (stage.disk / "away").mkdir()
    for file in files:
        file.rename(stage.disk / "away" / file.name)
    wait_until(lambda: not stage.ready(), "the loss shows", within=WITHIN)

    assert stage.call("PATCH", "flags/site", {"enabled": True}).status == 503
    assert [stage.asked(target) for target in ("/", "/fresh")] == [200, 503]
    assert not any(file.exists() for file in files)

    for file in files:
        (stage.disk / "away" / file.name).rename(file)
    wait_until(stage.ready, "the store is found again", within=WITHIN)
    stage.flip("site", enabled=True)
    assert [stage.asked(target) for target in ("/", "/fresh")] == [503, 503]

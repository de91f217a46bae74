"""A token in a file, with no YAML at all: its file is followed as the YAML would be."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.ports import free_port
from tests.support.servers import BIN, Program, wait_until

PATIENCE = 60.0  # seconds: a fail-safe that only a hang meets


def put(file: Path, token: str) -> None:
    """As Kubernetes and editors do it: a new file in the old one's place."""
    new = file.with_suffix(".new")
    new.write_text(f"{token}\n")
    new.rename(file)


def test_a_token_is_another_as_soon_as_its_file_is(tmp_path: Path) -> None:
    file, port, control = tmp_path / "token", free_port(), free_port()
    put(file, "first")
    environ = {
        "PORT": str(port),
        "GATEWAY_UPSTREAM": "http://127.0.0.1:1",
        "GATEWAY_STORE": "memory",
        "GATEWAY_CONTROL_LISTEN": f"127.0.0.1:{control}",
        "GATEWAY_CONTROL_TOKEN_FILE": str(file),
    }
    gateway = Program(
        "gateway",
        [str(BIN / "gateway"), "serve"],
        log=tmp_path / "gateway.log",
        ports=[port, control],
        env=environ,
        cwd=tmp_path,
    )

    def status(**told: str) -> int:
        return subprocess.run(
            [str(BIN / "gateway"), "status"],
            env={"GATEWAY_URL": f"http://127.0.0.1:{control}", **told},
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        ).returncode

    with gateway:
        assert status(GATEWAY_CONTROL_TOKEN_FILE=str(file)) == 0
        put(file, "second")
        wait_until(
            lambda: status(GATEWAY_CONTROL_TOKEN_FILE=str(file)) == 0,
            "the second is known",
            within=PATIENCE,
        )
        assert status(GATEWAY_CONTROL_TOKEN="first") == 1
        file.unlink()
        wait_until(lambda: "cannot be read" in gateway.log_tail(), "it says so", within=PATIENCE)
        assert status(GATEWAY_CONTROL_TOKEN="second") == 0  # what was known goes on

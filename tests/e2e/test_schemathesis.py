"""The control API does what its description says, and the description says all that it does."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.gateway_process import TOKEN, GatewayProcess
from tests.support.servers import BIN

CONFIG = Path(__file__).parent / "schemathesis.toml"
FLAGS = """
flags:
  reindex:
    {user: {cookie: uid}, users: [ann], paths: [/search], strip: {cookies: [sid]}, allow: {key: k}}
"""


def test_schemathesis_finds_nothing(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path / "gateway", "http://127.0.0.1:9", FLAGS)
    on_disk = f"sqlite:{gateway.folder}/gateway.db"
    gateway.replace_config(gateway.config_text(FLAGS).replace(on_disk, '"memory:"'))
    with gateway:
        run = subprocess.run(
            [
                *(str(BIN / "schemathesis"), "--config-file", str(CONFIG), "run"),
                f"{gateway.control_url}/api/v1/openapi.json",
                *("--header", f"Authorization: Bearer {TOKEN}"),
                *("--phases", "examples,coverage,fuzzing", "--max-examples", "3"),
                *("--seed", "1", "--continue-on-failure"),
                *("--exclude-operation-id", "stream_events"),  # it has no end to wait for
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        log = gateway.program.log.read_text()
    assert run.returncode == 0, run.stdout
    assert "30 selected / 31 total" in run.stdout
    assert "Traceback" not in log

"""``gateway health`` as a HEALTHCHECK runs it, beside gateways that are really there."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.health import health
from tests.support.certificates import self_signed
from tests.support.gateway_process import TOKEN
from tests.support.ports import free_port
from tests.support.servers import BIN, Program, accepts, wait_until

NOWHERE = "upstream: http://127.0.0.1:1\nstore: memory\n"


def ask(config: Path, *words: str, **environ: str | None) -> Result:
    unset: dict[str, str | None] = {"GATEWAY_CONFIG": None, "PORT": None}
    return CliRunner().invoke(health, ["-c", str(config), *words], env={**unset, **environ})


Serve = Callable[[str], Path]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Starts a gateway with this YAML, and hands its file on once the public port takes calls."""
    programs: list[Program] = []

    def start(text: str) -> Path:
        port = free_port()
        config = tmp_path / "config.yaml"
        config.write_text(NOWHERE + text.replace("PORT", str(port)))
        command = [str(BIN / "gateway"), "serve", "-c", str(config)]
        programs.append(
            Program("gateway", command, log=tmp_path / "gateway.log", ports=[port], cwd=tmp_path)
        )
        programs[-1].start()
        return config

    yield start
    for program in programs:
        program.__exit__(None, None, None)


def test_the_control_listener_is_asked_wherever_it_is(serve: Serve, tmp_path: Path) -> None:
    config = serve(f"listen: ':PORT'\ncontrol: {{listen: 'unix:{tmp_path}/control.sock'}}\n")
    wait_until((tmp_path / "control.sock").exists, "the control listener")
    found = ask(config)
    assert (found.exit_code, found.stdout) == (0, "healthy\n")
    assert ask(config, "--ready").stdout == "ready\n"


def test_a_wrong_edit_makes_nothing_unhealthy_but_not_ready(serve: Serve) -> None:
    control = free_port()
    config = serve(
        f"listen: ':PORT'\ncontrol: {{listen: '0.0.0.0:{control}', token: {TOKEN}}}\n"
        "flags: {site: {}}\n"
    )
    wait_until(lambda: accepts(control), "the control listener")
    config.write_text(config.read_text().replace("site: {}", "site: {paths: [wrong]}"))
    wait_until(lambda: ask(config, "--ready").exit_code == 1, "it is not ready")
    assert "The YAML has 1 error" in ask(config, "--ready").stderr
    assert ask(config).exit_code == 0


def test_without_a_control_listener_the_public_port_is_asked(serve: Serve, tmp_path: Path) -> None:
    cert, key = self_signed(tmp_path, "DNS:shop.example.com")
    config = serve(
        f"listen: 127.0.0.1:PORT\ntls: {{cert: {cert}, key: {key}}}\n"
        f"control: {{listen: null, path: /-/maintenance, token: {TOKEN}}}\n"
    )
    found = ask(config, "--ready")
    assert (found.exit_code, found.stdout) == (0, "ready\n")


@pytest.mark.parametrize("more", ["", "proxy_protocol: [127.0.0.1]\n"])
def test_without_either_it_is_enough_that_connections_are_taken(serve: Serve, more: str) -> None:
    path = f"path: /-/maintenance, token: {TOKEN}" if more else ""
    config = serve(f"listen: ':PORT'\ncontrol: {{listen: null, {path}}}\n{more}")
    assert ask(config).exit_code == 0


def test_a_gateway_that_is_not_there_is_status_3(tmp_path: Path) -> None:
    port = free_port()
    config = tmp_path / "config.yaml"
    config.write_text(f"{NOWHERE}control: {{listen: '[::]:{port}'}}\n")
    result = ask(config)
    assert result.exit_code == 3
    assert "nothing answers at" in result.stderr


def test_the_environment_of_gateway_run_is_enough(tmp_path: Path) -> None:
    control = free_port()
    program = [str(BIN / "gateway"), "health"]
    environ = {"GATEWAY_CONTROL_LISTEN": f"127.0.0.1:{control}", "PORT": "8080"}
    done = subprocess.run(
        program, env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 3
    assert f"127.0.0.1:{control}" in done.stderr


def test_a_socket_of_systemds_is_not_looked_for(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(f"{NOWHERE}control: {{listen: systemd:control, token: {TOKEN}}}\n")
    result = ask(config)
    assert result.exit_code == 2
    assert "systemd:control is where its .socket unit says" in result.stderr

"""gateway serve: which configuration it takes, and how it says that it cannot."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.config.settings import Settings
from gateway.processes import alone
from gateway.stores.base import StoreError
from tests.support.fake_control import UNSET

YAML = """\
upstream: http://127.0.0.1:8000
listen: 127.0.0.1:0
control: {listen: null}
store: "memory:"
"""


class Served:
    """Stands for ``alone.serve``: keeps the settings, then ends or fails as told."""

    def __init__(self) -> None:
        self.settings: list[Settings] = []
        self.failure: BaseException | None = None

    async def __call__(self, settings: Settings, **_more: object) -> None:
        self.settings.append(settings)
        logging.getLogger("gateway.test").info("two\nlines")
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Served]:
    stand_in = Served()
    monkeypatch.setattr(alone, "serve", stand_in)
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield stand_in
    root.handlers[:], root.level = handlers, level


def serve(*words: str, **environ: str) -> Result:
    return CliRunner().invoke(main, ["serve", *words], env={**UNSET, **environ})


def test_it_takes_config_yaml_where_there_is_one(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(YAML)
    assert serve().exit_code == 0
    assert served.settings[0].upstream.port == 8000


def test_it_takes_the_file_that_is_named(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("nonsense: 1")
    (tmp_path / "other.yaml").write_text(YAML)
    assert serve("-c", "other.yaml").exit_code == 0
    assert serve(GATEWAY_CONFIG="other.yaml").exit_code == 0
    assert [settings.store for settings in served.settings] == ["memory:", "memory:"]


def test_without_a_file_the_environment_is_enough(served: Served) -> None:
    assert serve(GATEWAY_UPSTREAM="http://127.0.0.1:8123").exit_code == 0
    settings = served.settings[0]
    assert settings.upstream.port == 8123
    assert [flag.name for flag in settings.flags] == ["site"]


def test_a_wrong_configuration_is_told_an_error_a_line(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("upstream: nowhere\nlissten: 1\nttl: soon\n")
    result = serve()
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("config.yaml:") for line in lines)
    assert served.settings == []


def test_a_file_that_is_not_there_is_called_wrongly(served: Served) -> None:
    result = serve("-c", "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


@pytest.mark.parametrize("grouped", [False, True])
def test_what_keeps_it_from_starting_is_one_line(
    served: Served, tmp_path: Path, *, grouped: bool
) -> None:
    (tmp_path / "config.yaml").write_text(YAML)
    failure: Exception = StoreError("gateway.db is not a database")
    served.failure = ExceptionGroup("tasks", [failure]) if grouped else failure
    result = serve("--log-level", "error")
    assert result.exit_code == 1
    assert result.stderr == "Error: the store cannot be used: gateway.db is not a database\n"


def test_an_address_that_is_taken_says_what_to_do(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(YAML)
    served.failure = OSError(errno.EADDRINUSE, "address ('127.0.0.1', 8080) already in use")
    result = serve("--log-level", "error")
    assert result.exit_code == 1
    assert "('127.0.0.1', 8080) already in use: stop the other program" in result.stderr


def test_a_bug_is_not_passed_off_as_a_store_that_failed(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(YAML)
    served.failure = ExceptionGroup("tasks", [StoreError("x"), KeyError("bug")])
    assert isinstance(serve().exception, ExceptionGroup)


def test_the_log_goes_to_stderr_one_line_a_record(served: Served, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(YAML)
    assert "INFO gateway.test: two; lines\n" in serve().stderr
    assert serve("--log-level", "warning").stderr == ""
    assert serve(GATEWAY_LOG_LEVEL="warning").stderr == ""


def test_a_real_gateway_says_that_its_address_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        file = tmp_path / "config.yaml"
        file.write_text(YAML.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        result = serve("-c", str(file), "--log-level", "error")
    assert result.exit_code == 1
    assert str(port) in result.stderr
    assert "in use" in result.stderr
    assert result.stderr.count("\n") == 1

"""What the systems' tests share: an unmodified app, and a gateway that has no file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.ports import free_port
from tests.support.servers import BIN, Program, gunicorn

FromEnvironment = Callable[..., int]


@pytest.fixture(scope="session")
def httpbin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of httpbin under gunicorn."""
    folder = tmp_path_factory.mktemp("httpbin")
    options = ["--worker-class", "gthread", "--threads", "8", "--keep-alive", "30"]
    app, port = gunicorn("httpbin:app", folder, options=options)
    with app:
        yield port


@pytest.fixture
def from_environment(tmp_path: Path) -> Iterator[FromEnvironment]:
    """Starts a gateway with these variables and no file; answers its public port."""
    with ExitStack() as running:

        def start(upstream: int, **environ: str) -> int:
            port, control = free_port(), free_port()
            env = {
                "GATEWAY_UPSTREAM": f"http://127.0.0.1:{upstream}",
                "GATEWAY_LISTEN": f"127.0.0.1:{port}",
                "GATEWAY_CONTROL_LISTEN": f"127.0.0.1:{control}",
                **environ,
            }
            command = [str(BIN / "gateway"), "serve"]
            log = tmp_path / "gateway.log"
            program = Program(
                "gateway", command, log=log, ports=[port, control], env=env, cwd=tmp_path
            )
            running.enter_context(program)
            return port

        yield start

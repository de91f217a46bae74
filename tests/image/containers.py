"""One container as the pages start it: as little as possible, and what is asked of it."""

from __future__ import annotations

import http.client
import secrets
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from tests.image.engine import Engine
from tests.support.ports import free_port
from tests.support.servers import accepts, wait_until

LEAST = ("--read-only", "--cap-drop", "all", "--security-opt", "no-new-privileges")
HOST = ("--network", "host")


class Container:
    """A container on the host's network, for a ``with`` block."""

    def __init__(
        self, engine: Engine, image: str, *words: str, command: Sequence[str] = (),
        environ: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._engine = engine
        self.name = f"replay-{secrets.token_hex(4)}"
        self.port, self.control = free_port(), free_port()
        control = f"127.0.0.1:{self.control}"
        told = [f"PORT={self.port}", f"GATEWAY_CONTROL_LISTEN={control}"]
        told += [f"GATEWAY_URL=http://{control}", *environ]
        variables = [word for each in told for word in ("--env", each)]
        self._words = ["--name", self.name, *LEAST, *HOST, *words, *variables, image, *command]

    def __enter__(self) -> Self:
        self._engine("run", "--detach", *self._words)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            print(self._engine("logs", self.name, check=False))  # noqa: T201 a report
        self._engine("rm", "--force", "--volumes", self.name, check=False)

    def get(self, path: str = "/") -> tuple[int, str]:
        """Status and body of a page of the public port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def answers(self, status: int) -> None:
        wait_until(lambda: accepts(self.port), "it listens", within=60)
        wait_until(lambda: self.get()[0] == status, f"it answers {status}", within=60)

    def run(self, *words: str) -> tuple[int, str]:
        """A command in the container: exit status, and what it said."""
        return self._engine.status("exec", self.name, *words)

    def healthy(self) -> bool:
        """What the image's own HEALTHCHECK says, run as the engine would."""
        form, *words = self._engine.inspect(self.name)["Config"]["Healthcheck"]["Test"]
        assert form == "CMD", form
        return self.run(*words)[0] == 0

    def stop(self) -> int:
        """SIGTERM, as `docker stop` sends it, and the exit status."""
        self._engine("stop", "--time", "60", self.name)
        return int(self._engine.inspect(self.name)["State"]["ExitCode"])

"""The gateway as a person runs it: ``gateway serve`` on a YAML file, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.ports import free_port
from tests.support.servers import BIN, Program

TOKEN = "e2e-operator-token"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the control API."""

    status: int
    content_type: str
    document: Any


class GatewayProcess:
    """A gateway in front of ``upstream`` with these ``flags`` (YAML), for a ``with`` block.

    The folder has ``config.yaml`` and the store; ``port`` is public, ``control`` the API's.
    ``files`` is how many it may have open.
    """

    def __init__(
        self, folder: Path, upstream: str, flags: str, *, extra: str = "", files: int | None = None
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.config = folder / "config.yaml"
        self.port, self.control = free_port(), free_port()
        self._upstream, self._extra = upstream, extra
        self.write_config(flags)
        self.program = Program(
            "gateway",
            [*_with_files(files), str(BIN / "gateway"), "serve", "-c", str(self.config)],
            log=folder / "gateway.log",
            ports=[self.port, self.control],
            cwd=folder,
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def control_url(self) -> str:
        return f"http://127.0.0.1:{self.control}"

    def config_text(self, flags: str) -> str:
        """The whole YAML with these flags."""
        return (
            f"upstream: {self._upstream}\n"
            f"listen: 127.0.0.1:{self.port}\n"
            f"control: {{listen: '127.0.0.1:{self.control}', token: {TOKEN}}}\n"
            f"store: sqlite:{self.folder}/gateway.db\n"
            f"{self._extra}"
            f"{flags}"
        )

    def write_config(self, flags: str) -> None:
        """Put the YAML in place as an editor does: a new file, renamed over the old one."""
        self.replace_config(self.config_text(flags))

    def replace_config(self, text: str) -> None:
        written = self.config.with_suffix(".new")
        written.write_text(text)
        written.rename(self.config)

    def call(
        self,
        method: str,
        path: str,
        document: object = None,
        *,
        body: bytes | None = None,
        token: str | None = TOKEN,
        content_type: str = "application/json",
    ) -> Reply:
        """One call of the control API: ``path`` is below ``/api/v1`` unless it is absolute."""
        data = json.dumps(document).encode() if body is None and document is not None else body
        where = path if path.startswith("/") else f"/api/v1/{path}"
        request = urllib.request.Request(self.control_url + where, data, method=method)  # noqa: S310 our own address
        if data:
            request.add_header("Content-Type", content_type)
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 as above
                return _reply(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return _reply(error.code, error.headers, error.read())

    def flip(self, flag: str, **values: object) -> Reply:
        """PATCH one flag; fails unless it is answered with 200."""
        reply = self.call("PATCH", f"flags/{flag}", values)
        assert reply.status == 200, reply
        return reply

    def reset(self, *flags: str) -> None:
        """Back to the YAML for each of these flags."""
        for flag in flags:
            assert self.call("DELETE", f"flags/{flag}/override").status == 200

    def cli(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the ``gateway`` command against this gateway."""
        return subprocess.run(
            [str(BIN / "gateway"), *arguments],
            env={"GATEWAY_URL": self.control_url, "GATEWAY_CONTROL_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    def kill_and_restart(self) -> None:
        """SIGKILL, then start again on the same config and store."""
        self.program.kill()
        self.program.start()

    def log_tail(self) -> str:
        return self.program.log_tail()

    def __enter__(self) -> Self:
        self.program.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.program.__exit__(kind, error, traceback)


def _with_files(most: int | None) -> list[str]:
    return [] if most is None else ["sh", "-c", f'ulimit -n {most}; exec "$0" "$@"']


def _reply(status: int, headers: Any, body: bytes) -> Reply:
    content_type = headers.get_content_type()
    if content_type.endswith("json"):
        return Reply(status, content_type, json.loads(body))
    return Reply(status, content_type, body.decode(errors="replace"))

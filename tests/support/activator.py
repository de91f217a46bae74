"""A stand-in for systemd: it binds sockets, starts the gateway, and is told how that fares."""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.servers import Program, wait_until

# As systemd does it: the sockets from descriptor 3 on, and the id of the process that they are for.
_BECOME = """
import os, sys
passed = [int(each) for each in sys.argv[1].split(",") if each]
high = [os.dup2(each, 100 + at, inheritable=False) for at, each in enumerate(passed)]
for each in passed:
    os.close(each)
for at, each in enumerate(high):
    os.dup2(each, 3 + at, inheritable=True)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execvp(sys.argv[2], sys.argv[2:])
"""


class Ear:
    """The socket that services tell how they fare: ``said`` are all their lines, in order."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while heard := self._socket.recv(4096):
            self.said += heard.decode().split("\n")

    def wait_for(self, line: str, *, times: int = 1) -> None:
        wait_until(lambda: self.said.count(line) >= times, f"{line}, of {self.said}")

    def status(self) -> str:
        """The last one."""
        said = [each for each in self.said if each.startswith("STATUS=")]
        return said[-1].removeprefix("STATUS=") if said else ""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        name = self._socket.getsockname()
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as last:
            last.sendto(b"", name)
        self._thread.join()
        self._socket.close()


class Activator:
    """Starts ``command`` with these sockets, by name; they stay open whatever becomes of it."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        sockets: Sequence[tuple[str, socket.socket]] = (),
        *,
        env: Mapping[str, str] | None = None,
        watchdog: float = 0.0,
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="ear-"))
        self.ear = Ear(str(self._folder / "notify"))
        self._sockets = [each for _, each in sockets]
        environ = {"NOTIFY_SOCKET": self.ear.address, **(env or {})}
        if sockets:
            environ |= {
                "LISTEN_FDS": str(len(sockets)),
                "LISTEN_FDNAMES": ":".join(name for name, _ in sockets),
            }
        if watchdog:
            environ["WATCHDOG_USEC"] = str(int(watchdog * 1e6))
        numbers = ",".join(str(each.fileno()) for each in self._sockets)
        self.program = Program(
            "gateway",
            [sys.executable, "-S", "-c", _BECOME, numbers, *command],
            log=folder / "activated.log",
            env=environ,
            cwd=folder,
            passed=tuple(each.fileno() for each in self._sockets),
        )

    def start(self) -> None:
        """Start it, and return once it says that it is ready."""
        times = self.ear.said.count("READY=1") + 1
        self.program.start()
        wait_until(lambda: self._is_ready(times), f"it is ready: {self.program.log_tail()}")

    def _is_ready(self, times: int) -> bool:
        assert self.program.alive(), self.program.log_tail()
        return self.ear.said.count("READY=1") >= times

    def restart(self) -> None:
        """As ``systemctl restart`` does: ended first, and only then started again."""
        assert self.program.terminate() == 0, self.program.log_tail()
        self.start()

    def __enter__(self) -> Self:
        self.ear.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.program.started:
            self.program.__exit__(kind, error, trace)
        self.ear.__exit__(kind, error, trace)
        Path(self.ear.address).unlink()
        self._folder.rmdir()


def listening(address: tuple[str, int] | str = ("127.0.0.1", 0)) -> socket.socket:
    """A socket as systemd opens one: bound and listening before anybody serves it."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.bind(address)
    made.listen(4096)
    return made


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port

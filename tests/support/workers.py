"""Which worker processes a gateway has, and which of them has a connection, from /proc."""

from __future__ import annotations

import re
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.support.exchange import Ask, Line

ESTABLISHED, LISTEN = "01", "0A"


def children(pid: int) -> set[int]:
    """The processes that this one has started and that have not been reaped."""
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def gone(pid: int) -> bool:
    """Whether it runs no more; a zombie does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return stat.rpartition(")")[2].split()[0] == "Z"


def listening(pid: int, port: int) -> bool:
    """Whether it has a socket that listens on that port of 127.0.0.1."""
    # The kernel may leave a row out while others come and go, so one look is not enough.
    return any(_sockets(pid) & _inodes(port, LISTEN).keys() for _ in range(3))


def peers(pid: int, port: int) -> set[int]:
    """The ports of the clients whose connections to ``port`` this process has accepted."""
    inodes = _inodes(port, ESTABLISHED)
    return {inodes[inode] for inode in _sockets(pid) & inodes.keys()}


def lines_by_worker(supervisor: int, port: int, *, least: int = 1) -> dict[int, list[Line]]:
    """Kept connections, at least so many to each worker."""
    lines: dict[int, list[Line]] = defaultdict(list)
    workers = children(supervisor)
    while any(len(lines[pid]) < least for pid in workers):
        line = Line(port)
        line.ask(Ask("/", host=f"127.0.0.1:{port}"))
        owner = next(pid for pid in workers if line.port in peers(pid, port))
        lines[owner].append(line)
    return lines


def _sockets(pid: int) -> set[str]:
    found = set()
    try:
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            try:
                named = re.fullmatch(r"socket:\[(\d+)\]", str(entry.readlink()))
            except FileNotFoundError:
                continue
            if named:
                found.add(named[1])
    except (FileNotFoundError, PermissionError):
        return set()
    return found


def _inodes(port: int, state: str) -> Mapping[str, int]:
    # sl local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode
    found = {}
    for row in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        _, local, remote, is_in, *rest = row.split()
        if is_in == state and int(local.split(":")[1], 16) == port:
            found[rest[5]] = int(remote.split(":")[1], 16)
    return found


@dataclass(frozen=True, slots=True)
class Lost:
    """A request that got no answer, or another than 200."""

    why: str
    port: int  # of the client's side
    opened: float  # when its connection was, on the monotonic clock


class Load:
    """Threads that ask one request after another while the ``with`` block runs.

    ``kept`` of them on connections that they keep, ``fresh`` on a new one each time. Nothing is
    ever asked again: ``lost`` is what failed.
    """

    def __init__(self, port: int, *, kept: int = 3, fresh: int = 3) -> None:
        self._port = port
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(True,)) for _ in range(kept)]
        self._threads += [threading.Thread(target=self._run, args=(False,)) for _ in range(fresh)]
        self._answered = threading.Semaphore(0)
        self.answered = 0
        self.lost: list[Lost] = []

    def go_on(self, requests: int) -> None:
        """Wait until so many more have been answered."""
        for _ in range(requests):
            assert self._answered.acquire(timeout=30), "the load has come to a halt"

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self, keep: bool) -> None:  # noqa: FBT001 a thread's argument
        line: Line | None = None
        while not self._over.is_set():
            if line is None:
                line, opened = self._open(), time.monotonic()
            if line is not None and not (self._asked(line, opened) and keep):
                line.close()
                line = None
        if line is not None:
            line.close()

    def _open(self) -> Line | None:
        opened = time.monotonic()
        try:
            return Line(self._port)
        except OSError as error:
            self.lost.append(Lost(f"connect: {error}", 0, opened))
            return None

    def _asked(self, line: Line, opened: float) -> bool:
        """Whether the connection stays."""
        try:
            got = line.ask(Ask("/"))
        except (OSError, EOFError) as error:
            self.lost.append(Lost(f"{error!r}", line.port, opened))
            return False
        if got.status != 200:
            self.lost.append(Lost(f"status {got.status}", line.port, opened))
        self.answered += 1
        self._answered.release()
        return got.one("connection") != "close"

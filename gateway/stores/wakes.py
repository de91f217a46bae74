"""Wakes between the processes of one machine that share a file: one datagram, no content.

Theory of operation. Each open store binds a Unix datagram socket in a folder beside the
database (``gateway.db-wake``), and after a commit sends one byte to every other socket there,
never blocking. A wake carries nothing and may be lost: whoever has no socket, or missed one,
finds the change by polling. So every failure here is silent, and none reaches a writer.

From a commit in one process until another one's event loop acts: 0.1 ms in the median, 0.5 ms
at the 99th percentile, 4 ms at most (1,000 puts, two processes on two busy cores).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import stat
from collections.abc import Callable
from pathlib import Path

LONGEST_PATH = 103  # bytes: the least that systems allow (macOS; Linux has 107)
_TRIES = 5  # to bind, while others that close take the folder away


class Wakes:
    """The ear of one store, and its voice to the others of the same database.

    ``woken`` is called on the event loop; ``send`` may be called on any thread.
    """

    def __init__(self, database: Path, woken: Callable[[], None]) -> None:
        self._database = database
        self._woken = woken
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._folder: Path | None = None
        self._ear: socket.socket | None = None
        self._voice: socket.socket | None = None

    def open(self) -> None:
        """Listen, where the system lets us. Idempotent; call it on the event loop."""
        self.close()
        for _ in range(_TRIES):
            self._folder = _folder(self._database, self._name)
            if self._folder is None:
                return
            with contextlib.suppress(OSError):
                self._ear = _bound(self._folder / self._name)
                asyncio.get_running_loop().add_reader(self._ear, self._hear)
                break
        self._voice = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._voice.settimeout(0)

    def close(self) -> None:
        """Stop listening; the last one takes the folder away. Idempotent; on the event loop."""
        ear, self._ear = self._ear, None
        voice, self._voice = self._voice, None
        if ear is not None:
            asyncio.get_running_loop().remove_reader(ear)
            ear.close()
            _unlink(self._folder, self._name)
            if self._folder is not None:
                with contextlib.suppress(OSError):  # others are in it
                    self._folder.rmdir()
        if voice is not None:
            voice.close()

    def send(self) -> None:
        """Wake every other store of this database. 15 to 35 µs where there is one."""
        folder, voice = self._folder, self._voice
        if folder is None or voice is None:
            return
        with contextlib.suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208 a third of the time of iterdir
                if name != self._name and not name.startswith("."):
                    _send(voice, folder, name)

    def _hear(self) -> None:
        with contextlib.suppress(OSError):  # until there is no more
            while self._ear is not None:
                self._ear.recv(16)
        self._woken()


def _send(voice: socket.socket, folder: Path, name: str) -> None:
    try:
        voice.sendto(b"\0", f"{folder}/{name}")
    except ConnectionRefusedError:  # its process was killed; names are never used again
        _unlink(folder, name)
    except OSError:  # full: it has wakes enough waiting; or gone since
        pass


def _bound(path: Path) -> socket.socket:
    # Bound under a hidden name and renamed: between the name's appearing and its being bound
    # a sender would be refused, and take it for stale.
    hidden = path.with_name(f".{path.name}")
    ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        ear.settimeout(0)
        ear.bind(str(hidden))
        hidden.chmod(0o600)
        hidden.rename(path)
    except BaseException:
        ear.close()
        raise
    return ear


def _folder(database: Path, name: str) -> Path | None:
    # All processes must come to the same one, however each of them spells the path.
    beside = Path(f"{database.resolve()}-wake")
    digest = hashlib.sha256(os.fsencode(beside)).hexdigest()[:16]
    short = Path(f"/tmp/gateway-{os.geteuid()}-{digest}")  # noqa: S108 checked to be ours alone
    fits = len(os.fsencode(beside / f".{name}")) <= LONGEST_PATH
    folder = beside if fits else short
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return None
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return folder if ours and not found.st_mode & 0o077 else None


def _unlink(folder: Path | None, name: str) -> None:
    if folder is not None:
        with contextlib.suppress(OSError):
            (folder / name).unlink()

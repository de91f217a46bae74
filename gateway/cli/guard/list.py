"""The list of users that a guard goes through, and the journal of how far it has come."""

from __future__ import annotations

import fcntl
import os
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from gateway.cli.failures import Misused
from gateway.cli.guard.failures import GuardFailed, Status
from gateway.core.patches import PatchError, read_users

DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class UserList:
    """Users in order, each once; ``repeated`` is how many lines named one again."""

    users: tuple[str, ...]
    repeated: int = 0


def read_user_list(source: str) -> UserList:
    """Of a file, or of stdin for ``-``: a user a line; blank lines do not count.

    Raises ``GuardFailed`` where it cannot be read, ``Misused`` for a line that is no user.
    """
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise GuardFailed(Status.UNREADABLE, f"--users: {source}: {error.strerror}") from error
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    users = [user for number, line in enumerate(lines, 1) if (user := _user(line, number))]
    once = tuple(dict.fromkeys(users))
    return UserList(once, len(users) - len(once))


def _user(line: bytes, number: int) -> str:
    try:
        user = line.decode().strip()
        if user:
            read_users([user], "user")
    except UnicodeDecodeError as error:
        raise Misused(f"--users: line {number} is not UTF-8") from error
    except PatchError as error:
        raise Misused(f"--users: line {number}: {error.errors[0][1]}") from error
    return user


class Journal:
    """Lines ``USER<TAB>done|failed<TAB>time``, appended, each on the disk before it counts.

    A line that a crash has cut short is no line. One run at a time has it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(path, error) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.done = frozenset(_users_done(path.read_bytes()))
            self._end_line()
        except OSError as error:
            os.close(self._file)
            if isinstance(error, BlockingIOError):
                raise GuardFailed(
                    Status.GUARDED, f"--journal: {path}: another run is writing it"
                ) from error
            raise _unwritable(path, error) from error

    def close(self) -> None:
        os.close(self._file)

    def write(self, user: str, *, done: bool) -> None:
        """Durable before it returns. Raises ``GuardFailed``."""
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        line = f"{user}\t{DONE if done else FAILED}\t{at}\n".encode()
        try:
            with self._lock:
                os.write(self._file, line)
            os.fdatasync(self._file)
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _end_line(self) -> None:
        # What a crash has cut short must not become part of the next line.
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")


def _users_done(data: bytes) -> Iterable[str]:
    for line in data.split(b"\n")[:-1]:
        user, _, rest = line.decode("utf-8", "replace").rpartition(f"\t{DONE}\t")
        if user and "\t" not in rest:
            yield user


def _unwritable(path: Path, error: OSError) -> GuardFailed:
    return GuardFailed(Status.UNREADABLE, f"--journal: {path}: {error.strerror}")

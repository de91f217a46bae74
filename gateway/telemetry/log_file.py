"""Where the access log goes: a file that may be rotated under it, or the standard output.

Theory of operation. Several workers append to one file, or one pipe, and their lines must not mix.
A write to a file opened with O_APPEND is put at its end as a whole, whatever its length; a write
to a pipe is whole up to PIPE_BUF bytes (4096; pipe(7)). So each write is of whole lines, and
those to anything but a file are no longer than that.

The standard output may be somebody else's too, so it is never made non-blocking. What may not
take more is asked first, and only so often, since nobody may ever read.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_MODE = 0o640  # addresses of visitors are in it
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK  # a FIFO nobody reads: an error
_PATIENCE = 100  # milliseconds between two looks at whether it is to be given up


class NotWrittenError(Exception):
    """So many lines were not; ``cause`` is why."""

    def __init__(self, lines: int, cause: OSError) -> None:
        super().__init__(cause.strerror or str(cause))
        self.lines = lines


class LogFile:
    """``path`` None: the standard output. Raises OSError if it cannot be opened."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._fd = sys.stdout.fileno() if path is None else os.open(path, _FLAGS, _MODE)
        self._regular = stat.S_ISREG(os.fstat(self._fd).st_mode)
        self._torn = False  # the last write ended within a line

    def write(self, lines: Sequence[bytes], give_up: Callable[[], bool]) -> None:
        """Write whole lines, each with its end. ``give_up``: wait no longer for a reader.

        Raises NotWrittenError.
        """
        left = len(lines)
        try:
            self._follow()
            for piece in [lines] if self._regular else _pieces(lines):
                left -= self._write_piece(piece, give_up)
        except _TornError as error:
            raise NotWrittenError(left - error.whole, error.cause) from error.cause
        except OSError as error:
            raise NotWrittenError(left, error) from error

    def close(self) -> None:
        if self._path is not None:
            os.close(self._fd)

    def _write_piece(self, lines: Sequence[bytes], give_up: Callable[[], bool]) -> int:
        """Returns how many lines those were. Raises _TornError if it could not write all."""
        data = b"".join(lines)
        if self._torn:
            data = b"\n" + data
        done = 0
        while done < len(data):
            try:
                self._await_room(give_up)
                done += os.write(self._fd, data[done:])
            except BlockingIOError:
                continue  # another process was quicker
            except OSError as error:
                if done:
                    self._torn = data[done - 1 : done] != b"\n"
                whole = data.count(b"\n", 0, done) - (data[:1] == b"\n" and done > 0)
                raise _TornError(whole, error) from error
        self._torn = False
        return len(lines)

    def _await_room(self, give_up: Callable[[], bool]) -> None:
        if self._regular:
            return
        watch = select.poll()
        watch.register(self._fd, select.POLLOUT)
        while not watch.poll(0 if give_up() else _PATIENCE):
            if give_up():
                raise TimeoutError(0, "nobody reads it")

    def _follow(self) -> None:
        """Go on in a new file where the one at the path is no longer ours: it was rotated."""
        if self._path is None:
            return
        ours = os.fstat(self._fd)
        try:
            there = self._path.stat()
        except OSError:
            there = None
        if there is not None and (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino):
            return
        try:
            fd = os.open(self._path, _FLAGS, _MODE)
        except OSError:
            return  # what was renamed goes on, rather than nothing
        old, self._fd = self._fd, fd
        with suppress(OSError):  # its number is free all the same, and soon somebody's socket
            os.close(old)
        self._regular = stat.S_ISREG(os.fstat(fd).st_mode)
        self._torn = False


class _TornError(Exception):
    """So many ``whole`` lines were written, and then no more."""

    def __init__(self, whole: int, cause: OSError) -> None:
        super().__init__()
        self.whole = whole
        self.cause = cause


def _pieces(lines: Sequence[bytes]) -> Iterator[list[bytes]]:
    """As many lines at a time as a pipe takes at once; a longer one by itself."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) > select.PIPE_BUF:
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += len(line)
    if piece:
        yield piece

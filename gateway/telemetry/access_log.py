"""The access log: lines gathered in memory, and written by a thread of its own.

Theory of operation. A write may take seconds: a disk that is busy, a pipe that nobody reads. So
the event loop only hands lines over, all of a fifth of a second at once, or 64 KiB. What has been
handed over and is not written yet is bounded. Beyond that lines are dropped, as they are where a
write fails (a full disk); how many is counted, and said when it begins and when it is over. Each
batch is a new try, so nothing needs mending by hand.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from queue import SimpleQueue

from gateway.config.settings import AccessLog as Settings
from gateway.telemetry.log_file import LogFile, NotWrittenError
from gateway.telemetry.log_lines import LineForm, line_form
from gateway.telemetry.tally import Tally

FULL = 1 << 16  # bytes of lines that do not wait for the next tick
MOST = 1 << 22  # bytes handed over and not written yet: some seconds of a busy worker
_END = 2.0  # seconds to wait for a reader at the end
_STUCK = 3.0  # and then for a write that does not come back

log = logging.getLogger("gateway.access_log")


class AccessLog:
    """Raises OSError if it cannot be opened. ``member`` is named in each line of JSON."""

    def __init__(self, settings: Settings, member: str, tally: Tally) -> None:
        self.form: LineForm = line_form(settings.format, member)
        self._name = settings.path or "the standard output"
        self._tally = tally
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._told = 0  # of what was dropped, by the time somebody was told
        self._failing = False
        self._writer = _Writer(LogFile(settings.path))
        self._writer.start()

    def add(self, line: bytes) -> None:
        """One line, with its end."""
        self._lines.append(line)
        self._size += len(line)
        if self._size >= FULL:
            self._hand_over()

    def flush(self) -> None:
        """Hand over what there is; five times a second."""
        if self._lines:
            self._hand_over()
        self._look()

    async def close(self) -> None:
        """Write what is left, but not for ever."""
        self.flush()
        self._writer.end(time.monotonic() + _END)
        await asyncio.to_thread(self._writer.join, _END + _STUCK)
        self._look()

    def _hand_over(self) -> None:
        lines, self._lines = self._lines, []
        size, self._size = self._size, 0
        if self._writer.behind + size > MOST:
            self._dropped += len(lines)
        else:
            self._writer.hand_over(lines, size)

    def _look(self) -> None:
        """How the writer fares, told once when that changes."""
        writer = self._writer
        lost = self._dropped + writer.lost
        new, self._tally.unlogged = lost - self._tally.unlogged, lost
        if new and not self._failing:
            self._failing, self._told = True, lost - new
            why = writer.trouble or "it is not read, or not fast enough"
            log.warning("the access log (%s) loses lines: %s", self._name, why)
        elif self._failing and not new and writer.fares_well:
            self._failing = False
            dropped = lost - self._told
            log.warning("the access log (%s) is written again: %d lost", self._name, dropped)


class _Writer(threading.Thread):
    """Writes what it is handed, in order. A daemon: a write that never ends holds up no exit.

    Each attribute is written by one thread alone. ``lost`` are lines.
    """

    def __init__(self, file: LogFile) -> None:
        super().__init__(name="access log", daemon=True)
        self.lost = 0
        self.trouble: str | None = None
        self._file = file
        self._handed_over = 0  # bytes
        self._done = 0
        self._ends = float("inf")
        self._batches: SimpleQueue[tuple[list[bytes], int] | None] = SimpleQueue()

    @property
    def behind(self) -> int:
        """Bytes handed over and not done with."""
        return self._handed_over - self._done

    @property
    def fares_well(self) -> bool:
        return self.trouble is None and self.behind < FULL

    def hand_over(self, lines: list[bytes], size: int) -> None:
        self._handed_over += size
        self._batches.put((lines, size))

    def end(self, latest: float) -> None:
        """Nothing more comes; wait for a reader until ``latest``, on the monotonic clock."""
        self._ends = latest
        self._batches.put(None)

    def run(self) -> None:
        while (batch := self._batches.get()) is not None:
            lines, size = batch
            try:
                self._file.write(lines, self._is_over)
                self.trouble = None
            except NotWrittenError as error:
                self.lost += error.lines
                self.trouble = str(error)
            self._done += size
        self._file.close()

    def _is_over(self) -> bool:
        return time.monotonic() >= self._ends

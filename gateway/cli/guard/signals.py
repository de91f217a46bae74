"""Signals that reach the guard: kept from ending it, and handed to whoever must know.

They are blocked in every thread and fetched by one thread of their own. Unlike a handler that
learns where each came from: Ctrl-C on a terminal goes to the command as well, by itself, and
must not reach it twice. It waits without a timeout: with one, Python 3.11 makes a signal up where
the wait is interrupted as its time runs out.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

SIGNALS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
_END = signal.SIGURG  # tells the thread to end; ignored by everybody else
_FETCHED = SIGNALS | {_END}

# The signal's number, and whether the terminal sent it to all in the foreground.
Listener = Callable[[int, bool], None]


class Interrupts:
    """While entered, SIGINT, SIGTERM and SIGHUP end nothing. Enter it before starting threads."""

    def __init__(self) -> None:
        self.number: int | None = None  # of the first that came
        self.mask: frozenset[int] = frozenset()  # what was blocked before, for the command
        self._came = threading.Event()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._listeners: list[Listener] = []
        self._breaking: list[Callable[[], None]] = []
        self._thread = threading.Thread(target=self._fetch, name="signals", daemon=True)

    def __enter__(self) -> Self:
        self.mask = frozenset(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, _FETCHED)))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            signal.pthread_kill(self._thread.ident, _END)
        self._thread.join()
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until a signal has come; whether one has."""
        return self._came.wait(seconds)

    @contextmanager
    def told(self, listener: Listener) -> Iterator[None]:
        """Has ``listener`` called with every signal, first with one that came before."""
        with self._lock:
            self._listeners.append(listener)
            if self.number is not None:
                listener(self.number, False)  # noqa: FBT003 the shape of a Listener
        try:
            yield
        finally:
            with self._lock:
                self._listeners.remove(listener)

    @contextmanager
    def breaking(self, end: Callable[[], None]) -> Iterator[None]:
        """Has ``end`` called when a signal comes, or at once where one has."""
        with self._lock:
            self._breaking.append(end)
            if self.number is not None:
                end()
        try:
            yield
        finally:
            with self._lock:
                self._breaking.remove(end)

    def _fetch(self) -> None:
        while not self._over.is_set():
            came = signal.sigwaitinfo(_FETCHED)
            if came.si_signo in SIGNALS:
                with self._lock:
                    self._note(came.si_signo, from_terminal=came.si_code > 0)

    def _note(self, number: int, *, from_terminal: bool) -> None:
        # The kernel's own signals have a positive code; a process's have not.
        if self.number is None:
            self.number = number
        for listener in self._listeners:
            listener(number, from_terminal)
        for end in self._breaking:
            end()
        self._came.set()

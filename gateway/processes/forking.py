"""Making a process that goes its own way: no signal is lost on it, and it never comes back."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


def fork(begin: Callable[[set[int]], NoReturn]) -> int:
    """Have a process ``begin``, with the signals that were blocked before; returns its id.

    All signals are blocked in it: until it has let go of what is its parent's, one would be taken
    in the latter's name. No thread or loop may run in the calling process. Raises OSError where
    there can be no more processes.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            try:
                begin(set(before))
            finally:
                # Never back into the frames of the parent, nor through what it does at exit.
                os._exit(1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    return pid

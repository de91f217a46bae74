"""Which process a member is, and whether it is known to be dead.

Only the kernel that ran a process knows: the same host name, the same boot, the same PID
namespace. Of any other process nothing is known.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """``boot`` names the boot of the kernel and the PID namespace; "" where unknown.

    ``started`` is when it started, in the kernel's own count: PIDs are used again.
    """

    host: str
    boot: str
    pid: int
    started: str


@dataclass(frozen=True, slots=True)
class Worker:
    """What a member is: its name, unique to this run of it, its process and its slot.

    ``one_machine``: all members of its store are on this machine.
    """

    name: str
    process: Process
    slot: int = 0
    one_machine: bool = False


def this_process() -> Process:
    pid = os.getpid()
    return Process(socket.gethostname(), _boot(), pid, _started(pid) or "")


def read_process(document: Mapping[str, object]) -> Process:
    """The process that a member's record names."""
    pid = document.get("pid")
    return Process(
        str(document.get("host", "")),
        str(document.get("boot", "")),
        pid if isinstance(pid, int) else 0,
        str(document.get("started", "")),
    )


def is_dead(process: Process, observer: Process, *, one_machine: bool) -> bool:
    """Whether ``process`` is certainly no more, as ``observer``, this process, can tell.

    ``one_machine``: all members are known to be on this machine, so one of another boot of
    this host is dead.
    """
    if not process.boot or not observer.boot or process.host != observer.host:
        return False
    kernel, _, namespace = process.boot.partition("/")
    own_kernel, _, own_namespace = observer.boot.partition("/")
    if kernel != own_kernel:
        return one_machine
    return namespace == own_namespace and _started(process.pid) != process.started


def _boot() -> str:
    try:
        kernel = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{kernel}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # not Linux: nothing is known of others then
        return ""


def _started(pid: int) -> str | None:
    # Field 22 of proc(5); the second one, the name, may hold blanks and parentheses.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("latin-1").rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in {"Z", "X"} else fields[19]

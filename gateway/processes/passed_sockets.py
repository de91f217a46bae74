"""Taking over the sockets that systemd has opened for this process: sd_listen_fds(3).

They are systemd's. This process has copies of the descriptors, which it may close like any other:
what waits in a socket's queue stays there for the next one. Nothing here shuts a socket down or
removes its file.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

from gateway.config.passed import Passed

FIRST = 3  # the descriptor after standard error
UNNAMED = "unknown"  # as systemd calls them


def take_passed(environ: Mapping[str, str], pid: int) -> Passed:
    """Those for the process ``pid``; none where the variables are another's or not there.

    To be called once. No program that this process starts inherits them.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(pid) or not count.isdecimal():
        return Passed()
    names = [name or UNNAMED for name in environ.get("LISTEN_FDNAMES", "").split(":")]
    names += [UNNAMED] * int(count)
    sockets: dict[str, list[socket.socket]] = {}
    wrong: dict[str, str] = {}
    for descriptor, name in zip(range(FIRST, FIRST + int(count)), names, strict=False):
        taken = _listening(descriptor)
        if isinstance(taken, str):
            wrong[name] = taken
        else:
            sockets.setdefault(name, []).append(taken)
    good = {name: tuple(each) for name, each in sockets.items() if name not in wrong}
    return Passed(good, wrong)


def _listening(descriptor: int) -> socket.socket | str:
    """The socket; or why nobody can be let in by it."""
    try:
        os.set_inheritable(descriptor, False)  # noqa: FBT003 its own signature
    except OSError:
        return "is not open"
    try:
        made = socket.socket(fileno=descriptor)
    except OSError:
        return "is no socket"
    if made.family not in {socket.AF_INET, socket.AF_INET6, socket.AF_UNIX}:
        return _let_go(made, "is of another family than TCP and Unix sockets")
    if made.type != socket.SOCK_STREAM:
        return _let_go(made, "is no stream: the unit needs ListenStream=")
    if not made.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return _let_go(made, "is a connection already: the unit needs Accept=no")
    return made


def _let_go(made: socket.socket, why: str) -> str:
    made.detach()  # whatever it is, it is not ours to close
    return why

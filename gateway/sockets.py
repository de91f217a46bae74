"""Sockets to listen on, bound before there is an event loop, for one process or for several.

Theory of operation. Each worker has a TCP socket of its own for an address (SO_REUSEPORT): the
kernel spreads the connections over them, and each has its own queue. Whoever binds them keeps
them open, because closing one resets what waits in its queue. SO_REUSEPORT would let a second
gateway of the same user share the port unnoticed, so the port is first asked for alone. Nothing
here listens: a socket that only is bound gets no connections.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

from gateway.config.settings import Address

BACKLOG = 2048  # connections the kernel holds while the loop is busy
AGAIN = 0.02  # seconds between two tries to have a port

Sockets = tuple[socket.socket, ...]
_T = TypeVar("_T")


def bind(address: Address, *, shared: bool = False, patience: float = 0.0) -> Sockets:
    """The sockets of an address: one for each of the addresses that a name has.

    ``shared``: others may be bound beside them. An address in use is asked for again for
    ``patience`` seconds. Raises OSError where it is taken or not ours.
    """
    if address.passed is not None:
        message = f"{address}: systemd has passed no such socket to this process"
        raise OSError(errno.ENOTSOCK, message)
    deadline = time.monotonic() + patience
    while True:
        try:
            if address.path is not None:
                return (_unix(address.path),)
            if shared:
                close(_tcp(address, reuse_port=False))
            return _tcp(address, reuse_port=shared)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise
        time.sleep(AGAIN)


def bind_beside(sockets: Sockets) -> Sockets:
    """As many more for the same TCP addresses, for one more process."""

    def beside(one: socket.socket) -> socket.socket:
        return _bound(one.family, one.getsockname(), reuse_port=True)

    return _all_or_none(beside, sockets)


def permit(address: Address, mode: int | None) -> None:
    """Who may open a Unix socket: before anybody listens on it, nobody could. None: as it is."""
    if address.path is not None and mode is not None:
        Path(address.path).chmod(mode)


def close(sockets: Iterable[socket.socket]) -> None:
    for each in sockets:
        each.close()


def named(sockets: Sockets) -> str:
    """The address in use, with the real port: ``127.0.0.1:8080``, ``[::1]:80``, ``unix:/x``."""
    name = sockets[0].getsockname()
    if not isinstance(name, tuple):
        return f"unix:{name}"
    host, port = name[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _tcp(address: Address, *, reuse_port: bool) -> Sockets:
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    places = [(family, name) for family, _, _, _, name in dict.fromkeys(found)]

    def one(place: tuple[int, tuple[object, ...]]) -> socket.socket:
        return _bound(*place, reuse_port=reuse_port)

    return _all_or_none(one, places)


def _all_or_none(make: Callable[[_T], socket.socket], of: Iterable[_T]) -> Sockets:
    with contextlib.ExitStack() as stack:
        made = tuple(stack.enter_context(make(each)) for each in of)
        stack.pop_all()
        return made


def _bound(family: int, name: tuple[object, ...], *, reuse_port: bool) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(name)
    except OSError as error:
        made.close()
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        message = f"error while attempting to bind on address {name!r}: {reason}"
        raise OSError(error.errno, message) from error
    return made


def _unix(path: str) -> socket.socket:
    # A socket that a killed process left is in the way; any other kind of file is not ours.
    if Path(path).is_socket():
        if _is_served(path):
            raise OSError(errno.EADDRINUSE, f"{path}: {os.strerror(errno.EADDRINUSE).lower()}")
        Path(path).unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        made.bind(path)
    except OSError as error:
        made.close()
        raise OSError(error.errno, f"{path}: {os.strerror(error.errno or 0).lower()}") from error
    return made


def _is_served(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # noqa: FBT003 its own signature
        return probe.connect_ex(path) not in {errno.ECONNREFUSED, errno.ENOENT}

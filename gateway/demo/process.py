"""The Bookshop as a child process, on a socket that is bound before it starts."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator

PATIENCE = 5.0  # seconds for the child to end


@contextlib.contextmanager
def bookshop(port: int) -> Iterator[str]:
    """Runs the Bookshop and gives its address, as ``http://127.0.0.1:8000``.

    On ``port``, or any free one where that is taken. The socket listens at once: a request
    that comes before the child is up waits for it.
    """
    with _listener(port) as listener:
        child = subprocess.Popen(  # noqa: S603 this very program
            [sys.executable, "-m", "gateway.demo", "--fd", str(listener.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield address
    finally:
        _end(child)


def _listener(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError:
        return socket.create_server(("127.0.0.1", 0))


def _end(child: subprocess.Popen[bytes]) -> None:
    # Its stdin is how it knows of us: that ends when we do, however we end.
    if child.stdin is not None:
        child.stdin.close()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()

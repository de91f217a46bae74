"""``python -m gateway.demo``: serves the Bookshop, on its own or below ``gateway demo``.

With ``--fd N`` it serves on a socket that its parent listens on already, and ends when its
stdin does: a parent that is killed leaves no shop behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import socket
import sys

from aiohttp import web

from gateway.demo.app import make_shop


async def serve(listener: socket.socket, *, owned: bool) -> None:
    """Serve until SIGTERM; when owned, until stdin ends, and Ctrl-C is the parent's."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, (lambda: None) if owned else stop.set)
    runner = web.AppRunner(make_shop(), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listener).start()
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(_stdin_ends(stop)) if owned else None
            await stop.wait()
            if watch is not None:
                watch.cancel()
    finally:
        await runner.cleanup()


async def _stdin_ends(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()
    stop.set()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m gateway.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8000, help="the port (8000)")
    parser.add_argument("--host", default="127.0.0.1", help="the address (127.0.0.1)")
    parser.add_argument("--fd", type=int, help="a listening socket handed down")
    said = parser.parse_args()
    if said.fd is None:
        listener = socket.create_server((said.host, said.port))
        sys.stdout.write(f"Bookshop at http://{said.host}:{listener.getsockname()[1]}\n")
    else:
        listener = socket.socket(fileno=said.fd)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(listener, owned=said.fd is not None))


if __name__ == "__main__":
    main()

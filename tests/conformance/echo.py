"""An echo server of the ``websockets`` package: ``python -m tests.conformance.echo PORT``.

``/`` echoes, ``/fragments`` does so in four fragments with a ping after, ``/close/CODE`` closes,
and ``/raw-close/CODE`` sends a Close with that code whether it is valid or not.
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, serve

LARGEST = 2 << 20  # bytes of a message; more is 1009


async def handle(socket: ServerConnection) -> None:
    """One connection."""
    assert socket.request is not None
    _, kind, *rest = socket.request.path.split("/")
    if kind == "close":
        await socket.close(int(rest[0]), "as you asked")
        return
    if kind == "raw-close":
        socket.transport.write(b"\x88\x02" + int(rest[0]).to_bytes(2, "big"))
        socket.transport.close()
    async for message in socket:
        if kind == "fragments":
            quarter = len(message) // 4 + 1
            starts = range(0, len(message), quarter)
            await socket.send([message[at : at + quarter] for at in starts])
            await socket.ping(b"between")
        else:
            await socket.send(message)


async def main(port: int) -> None:
    """Serve until killed."""
    words = {"max_size": LARGEST, "ping_interval": None, "close_timeout": 5}
    async with serve(handle, "127.0.0.1", port, subprotocols=["chat"], **words) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

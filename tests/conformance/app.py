"""The app behind the proxies: ``python -m tests.conformance.app PORT``.

It reads what it is sent and answers with the request line as it came; ``/big`` is a MiB.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

import uvloop

from tests.soak.app import read_body

_BIG = b"0123456789abcdef" * 65_536


async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One connection, until it ends."""
    with suppress(OSError, EOFError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            await read_body(head, reader)
            line = head.partition(b"\r\n")[0]
            body = _BIG if line.split(b" ")[1] == b"/big" else line
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await writer.drain()
            if line.endswith(b"HTTP/1.0"):  # as nginx asks by default
                break
    writer.close()


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(connected, "127.0.0.1", port, backlog=1024)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))

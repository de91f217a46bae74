"""The app of ``bench.hold``: notes each request that it answers, and ends politely at SIGTERM.

``python -m bench.hold_app PORT FILE``: each target is a line of the file, in order of arrival.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

WORK = 0.005  # seconds


def main(port: int, notes: Path) -> None:
    with notes.open("a", buffering=1) as file:

        async def answer(request: web.Request) -> web.Response:
            file.write(f"{request.path}\n")
            await request.read()
            await asyncio.sleep(WORK)
            return web.Response(text=request.path)

        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{_:.*}", answer)
        web.run_app(app, host="127.0.0.1", port=port, print=None, access_log=None)


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))

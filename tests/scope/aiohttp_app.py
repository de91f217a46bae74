"""The pages of the table in aiohttp."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.scope.says import says


def page(handler: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def view(request: web.Request) -> web.Response:
        cookie, header = request.cookies.get("uid"), request.headers.get("X-User-Id")
        return web.Response(body=says(handler, request.host, cookie, header))

    return view


def main(port: int) -> None:
    app = web.Application()
    for path, handler in (
        ("/search", "search"),
        ("/search/{rest:.*}", "search"),
        ("/help", "help"),
        ("/help/{rest:.*}", "help"),
        ("/{rest:.*}", "other"),
    ):
        app.router.add_route("*", path, page(handler))
    web.run_app(app, host="127.0.0.1", port=port, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))

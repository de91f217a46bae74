"""The pages of the table in Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.scope.says import says


def page(handler: str) -> Callable[[Request], Awaitable[Response]]:
    async def view(request: Request) -> Response:
        cookie, header = request.cookies.get("uid"), request.headers.get("X-User-Id")
        return Response(says(handler, request.url.netloc, cookie, header))

    return view


app = Starlette(
    routes=[
        Route("/search", page("search")),
        Route("/search/{rest:path}", page("search")),
        Route("/help", page("help")),
        Route("/help/{rest:path}", page("help")),
        Route("/{rest:path}", page("other")),
    ]
)

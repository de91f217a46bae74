"""What the control plane tells about itself: a list for people, a description for programs."""

from __future__ import annotations

from aiohttp import web

from gateway import __version__
from gateway.control.documents import answer
from gateway.control.openapi import describe
from gateway.control.route import API, Route
from gateway.control.routes import ROUTES as CALLS


async def show_index(_request: web.Request) -> web.Response:
    """The calls as plain text, one line each."""
    lines = [f"{route.method:<7}{route.path:<38}{route.summary}" for route in ROUTES]
    text = "\n".join([f"Maintenance gateway {__version__}, control API", "", *lines, ""])
    return web.Response(text=text)


async def show_description(_request: web.Request) -> web.Response:
    """The OpenAPI description of every call."""
    return answer(describe(ROUTES, __version__))


ROUTES: tuple[Route, ...] = (
    *CALLS,
    Route(
        "GET",
        f"{API}/openapi.json",
        show_description,
        "This description, OpenAPI 3.1",
        "Description",
    ),
    Route("GET", "/", show_index, "The calls, as plain text"),
)

"""What the control plane tells about itself: a list for people, a description for programs."""

from __future__ import annotations

from aiohttp import web

from gateway import __version__
from gateway.control.dashboard.rendering import SESSION
from gateway.control.dashboard.views import show_overview
from gateway.control.documents import answer
from gateway.control.openapi import describe
from gateway.control.route import API, Route
from gateway.control.routes import ROUTES as CALLS


async def show_index(request: web.Request) -> web.Response:
    """The dashboard for a browser; for anybody else the calls as plain text, one line each."""
    if SESSION in request:
        return await show_overview(request)
    lines = [f"{route.method:<7}{route.path:<38}{route.summary}" for route in ROUTES]
    text = "\n".join([f"Maintenance gateway {__version__}, control API", "", *lines, ""])
    return web.Response(text=text, headers={"Vary": "Accept"})


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
    Route("GET", "/", show_index, "The dashboard; the calls, as plain text"),
)

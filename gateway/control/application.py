"""The control plane as one aiohttp application."""

from __future__ import annotations

import asyncio

from aiohttp import web

from gateway.control.audit import REFUSAL_RATE, RefusalRate, refusals
from gateway.control.auth import THROTTLE, auth
from gateway.control.connection import CONNECTIONS, HANDLING, calls
from gateway.control.connections import Connections
from gateway.control.cross_site import cross_site
from gateway.control.dashboard.access import error_pages, sessions
from gateway.control.dashboard.page import Page
from gateway.control.dashboard.rendering import set_up_pages
from gateway.control.dashboard.routes import PAGES
from gateway.control.drain import ENDING, end_drains
from gateway.control.forward_auth import ENVOY_PATTERN, WISHES, check_for_envoy
from gateway.control.index import ROUTES
from gateway.control.news import NEWS, News
from gateway.control.problems import problems
from gateway.control.public import introduced
from gateway.control.route import Route, is_forward_auth
from gateway.control.services import SERVICES, Services
from gateway.control.throttle import Throttle
from gateway.pages.wishes import Wishes

MOST_BYTES = 1024 * 1024  # of a request's body

_SECURITY_FIELDS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def make_control(services: Services) -> web.Application:
    """The application that answers at ``control.listen``.

    It reads and changes only what ``services`` hands it; starting what those need, and
    listening, is the caller's.
    """
    app = web.Application(
        # From the outside in: an error of each is put into words by the first.
        middlewares=[
            introduced,
            calls,
            problems,
            error_pages,
            refusals,
            cross_site,
            sessions,
            auth,
        ],
        client_max_size=MOST_BYTES,
        handler_args=dict(HANDLING),
    )
    app[SERVICES] = services
    app[CONNECTIONS] = Connections()
    app[THROTTLE] = Throttle(services.monotonic)
    app[REFUSAL_RATE] = RefusalRate(services.monotonic)
    app[NEWS] = News(services)
    served: tuple[Route | Page, ...] = (*ROUTES, *PAGES)
    for route in served:
        app.router.add_route(route.method, route.pattern, route.endpoint)
        if route.method == "GET":
            app.router.add_route("HEAD", route.pattern, route.endpoint)
    set_up_pages(app)
    app.router.add_route("*", ENVOY_PATTERN, check_for_envoy)
    app[WISHES] = Wishes()
    app[ENDING] = asyncio.Event()
    app.on_shutdown.append(end_drains)
    app.on_response_prepare.append(_secure)
    return app


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    if not is_forward_auth(request.path):  # a page for the site's visitors, from where they are
        for name, value in _SECURITY_FIELDS.items():
            response.headers.setdefault(name, value)
    response.headers.pop("Server", None)  # names versions, and helps nobody who should be here

"""Who looks at the dashboard, and what they may do: sessions, roles, forms that are ours.

It stands in the place of ``auth`` for the dashboard's own paths. Nothing under ``/api`` knows a
cookie, and nothing here knows a bearer token: a program has no use for the one and a browser none
for the other, and neither can be led to show the wrong one.
"""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.config.settings import Role
from gateway.control.auth import ADMITTED, CALLER, Caller, authorize
from gateway.control.bodies import read_form
from gateway.control.dashboard.cookie import keep, session_of
from gateway.control.dashboard.page import Page
from gateway.control.dashboard.rendering import FORM, SESSION, error_page, see_other
from gateway.control.dashboard.routes import PAGES
from gateway.control.dashboard.session import Session
from gateway.control.dashboard.views import show_overview
from gateway.control.problems import Problem, Refusal, as_problem
from gateway.control.services import SERVICES
from gateway.core.methods import SAFE_METHODS

_BY_ENDPOINT = {page.endpoint: page for page in PAGES}
_ROOT = Page("GET", "/", show_overview)


@web.middleware
async def error_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Says in HTML what goes wrong further in, where a person is looking."""
    if _page(request) is None:
        return await handler(request)
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 the guard of the dashboard, as ``problems`` is of the rest
        return error_page(request, as_problem(request, error))


@web.middleware
async def sessions(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Lets the dashboard's visitors through to what their role may do."""
    page = _page(request)
    if page is None:
        return await handler(request)
    request[ADMITTED] = True
    session = request[SESSION] = session_of(request)
    caller = _caller(request, session)
    if caller is None and not page.open:
        return _to_log_in(request)
    if caller is not None:
        request[CALLER] = caller
    if request.method not in SAFE_METHODS:
        await _check(request, session, caller)
        if caller is not None and not page.open:
            authorize(request, caller)
    response = await handler(request)
    if request[SESSION].new and not response.prepared:
        keep(request, response, request[SESSION])
    return response


def _page(request: web.Request) -> Page | None:
    # What lies at the root is the dashboard for browsers alone.
    if request.path == "/" and request.method in SAFE_METHODS and _takes_html(request):
        return _ROOT
    return _BY_ENDPOINT.get(request.match_info.handler)


def _takes_html(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "")


def _caller(request: web.Request, session: Session) -> Caller | None:
    tokens = request.app[SERVICES].state.settings.control.tokens
    if not tokens:
        return Caller("local", Role.OPERATOR)
    if session.key not in tokens:
        return None
    return Caller(session.key.name, session.key.role, token=session.key, until=session.until)


async def _check(request: web.Request, session: Session, caller: Caller | None) -> None:
    form = request[FORM] = await read_form(request)
    if not session.wrote(form.get("form", "")):
        raise Refusal(
            403,
            "This form is out of date, or none of this dashboard's. Load the page again; nothing "
            "was changed.",
            by="unknown" if caller is None else caller.name,
        )


def _to_log_in(request: web.Request) -> web.StreamResponse:
    if request.method not in SAFE_METHODS:
        return see_other(request, "/login?over=1")
    if not _takes_html(request):
        raise Problem(401, "Nobody is logged in.")
    then = request.rel_url.raw_path
    return see_other(request, "/login" if then == "/" else f"/login?then={quote(then, safe='')}")

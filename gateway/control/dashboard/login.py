"""Logging in with a token, and out again."""

from __future__ import annotations

import re

from aiohttp import web

from gateway.control.auth import CALLER, recognize
from gateway.control.dashboard.cookie import nobody
from gateway.control.dashboard.rendering import FORM, SESSION, page, see_other
from gateway.control.dashboard.session import begin
from gateway.control.services import SERVICES

# Where to go on to: one of our own paths, which no browser takes for another host's.
_OWN_PATH = re.compile(r"/(?!/)[\w.~%!$&'()*+,;=:@/-]*", re.ASCII)


async def show_log_in(request: web.Request) -> web.Response:
    if CALLER in request:
        return see_other(request, "/")
    words = {"error": "", "then": _then(request.query.get("then", "")), "over": False}
    return page(request, "login", **{**words, "over": "over" in request.query})


async def log_in(request: web.Request) -> web.Response:
    """A token for a session; what is wrong with it is ``auth``'s to say and to count."""
    services, form = request.app[SERVICES], request[FORM]
    then = _then(form.get("then", ""))
    tokens = services.state.settings.control.tokens
    if tokens:
        token = recognize(request, form.get("token", "").strip(), tokens)
        request[SESSION] = begin(token, services.clock())
    return see_other(request, then)


async def log_out(request: web.Request) -> web.Response:
    """The cookie is given up. One that was copied is good until its time, or its token's edit."""
    services = request.app[SERVICES]
    request[SESSION] = begin(nobody(request), services.clock())
    return see_other(request, "/login")


def _then(path: str) -> str:
    return path if _OWN_PATH.fullmatch(path) and "/../" not in path else "/"

"""The cookie that a session is kept in: its name, its fields, and whose key is none's."""

from __future__ import annotations

from aiohttp import web

from gateway.config.settings import Role, Secret, Token
from gateway.control.dashboard.session import LASTS, Session, begin, read
from gateway.control.public import is_public
from gateway.control.services import SERVICES
from gateway.core.addresses import compile_networks


def session_of(request: web.Request) -> Session:
    """The request's session, or a new one in which no token was shown.

    There is always one: a form that is ours is known by it, be it the one to log in with.
    """
    services = request.app[SERVICES]
    keys = (*services.state.settings.control.tokens, nobody(request))
    known = read(request.cookies.get(_name(request), ""), keys, services.clock())
    return known or begin(nobody(request), services.clock())


def nobody(request: web.Request) -> Token:
    """The key of sessions in which no token was shown. It opens nothing."""
    return Token("local", Secret(request.app[SERVICES].state.epoch), Role.VIEWER)


def keep(request: web.Request, response: web.StreamResponse, session: Session) -> None:
    """Have the browser keep a session."""
    response.set_cookie(
        _name(request),
        session.cookie,
        max_age=int(LASTS),
        path=_path(request),
        secure=_is_secure(request),
        httponly=True,
        samesite="Strict",
    )


def _name(request: web.Request) -> str:
    # Cookies know no ports: two gateways on one host would log each other out.
    listen = request.app[SERVICES].state.settings.control.listen
    port = f"-{listen.port}" if listen is not None and listen.port else ""
    prefix = "" if not _is_secure(request) else "__Host-" if _path(request) == "/" else "__Secure-"
    return f"{prefix}gateway-session{port}"


def _path(request: web.Request) -> str:
    # On the public port the rest of the paths is the app's, and no session is its business.
    control = request.app[SERVICES].state.settings.control
    return f"{control.path}/" if is_public(request) and control.path is not None else "/"


def _is_secure(request: web.Request) -> bool:
    # The listener has no TLS of its own: what ends it before us is believed if it is trusted.
    proxies = compile_networks(request.app[SERVICES].state.settings.trusted_proxies)
    # What comes over the public port has been told of by the data plane.
    trusted = is_public(request) or not request.remote or proxies.contain(request.remote)
    said = request.headers.get("X-Forwarded-Proto", "").rpartition(",")[2].strip().lower()
    return request.secure or (trusted and said == "https")

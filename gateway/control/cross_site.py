"""Keeps other web sites away from the control plane.

Without a token the loopback interface is all that protects a flag, and a browser on this
machine is inside it. Two ways lead there from a foreign page. DNS rebinding makes the
page's own name point here: such a request carries that name in ``Host``. Cross-site
requests come from the page as it is: browsers mark them with ``Origin`` and
``Sec-Fetch-Site``. No CORS field is ever sent, so what slips through cannot be read, and
changes need a content type or a method that browsers send cross-origin only after asking.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.config.settings import Address
from gateway.control.problems import Refusal, shown
from gateway.control.services import SERVICES
from gateway.core.addresses import is_loopback
from gateway.core.methods import SAFE_METHODS

# Probes name their target as they like, and learn nothing but a status.
_PROBED = frozenset({"/healthz", "/readyz"})


@web.middleware
async def cross_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses with 403 what another site may have sent."""
    control = request.app[SERVICES].state.settings.control
    if not control.tokens and request.path not in _PROBED:
        _check_peer(request)
        _check_host(request, control.listen)
    _check_origin(request)
    return await handler(request)


def allowed_host(host: str, listen: Address | None) -> bool:
    """Whether ``Host`` names this listener in a way that no foreign DNS name can."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or is_loopback(name):
        return True
    return listen is not None and name == listen.host.lower() != ""


def same_origin(origin: str, host: str) -> bool:
    """Whether an ``Origin`` is this listener's own, as ``Host`` names it.

    The scheme is left out: behind something that ends TLS only the browser knows it.
    """
    scheme, separator, authority = origin.partition("://")
    return bool(separator) and scheme in {"http", "https"} and authority.lower() == host.lower()


def _check_peer(request: web.Request) -> None:
    # Config allows this for a loopback listener alone; a reload must not open a wider one.
    if request.remote and not is_loopback(request.remote):
        raise Refusal(403, "Without a token only this machine may call the control API.")


def _check_host(request: web.Request, listen: Address | None) -> None:
    if listen is not None and listen.path is not None:
        return  # no browser reaches a Unix socket, and callers name it as they like
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not allowed_host(hosts[0], listen):
        named = shown(hosts[0]) if hosts else "nothing"
        raise Refusal(
            403,
            f"Host names {named}. Without a token the control API answers to localhost and "
            "loopback addresses alone, so that no web page can reach it by another name.",
        )


def _check_origin(request: web.Request) -> None:
    origins = request.headers.getall("Origin", [])
    if any(not same_origin(origin, request.headers.get("Host", "")) for origin in origins):
        raise Refusal(403, f"A page of {shown(origins[0])} may not call the control API.")
    site = request.headers.get("Sec-Fetch-Site", "none").strip().lower()
    if site not in {"none", "same-origin"} and request.method not in SAFE_METHODS:
        raise Refusal(403, "A page of another site may not call the control API.")

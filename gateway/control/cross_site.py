"""Keeps other web sites away from the control plane.

Without a token the loopback interface is all that protects a flag, and a browser on this
machine is inside it. Two ways lead there from a foreign page. DNS rebinding makes the
page's own name point here: such a request carries that name in ``Host``. Cross-site
requests come from the page as it is: browsers mark them with ``Origin`` and
``Sec-Fetch-Site``. No CORS field is ever sent, so what slips through cannot be read, and
changes need a content type or a method that browsers send cross-origin only after asking.

Another proxy that asks for a decision (``/auth``) sends its visitor's fields, so they say nothing
about who calls; a page that calls in its place lacks the fields of such a proxy, which a browser
sends across origins only after asking.

With a token a rebound page has nothing to show: a browser never adds one by itself. So a name
is then checked only where ``control.hosts`` says which there are.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.config.settings import Control
from gateway.control.problems import Refusal, shown
from gateway.control.public import is_public
from gateway.control.route import is_forward_auth
from gateway.control.services import SERVICES
from gateway.core.addresses import is_loopback
from gateway.core.calls import TOGGLE
from gateway.core.methods import SAFE_METHODS

# Probes name their target as they like, and learn nothing but a status.
_PROBED = frozenset({"/healthz", "/readyz"})

# A page has no key to show, whatever name it goes by.
_KEYED = frozenset({TOGGLE})

_OURS = frozenset({"none", "same-origin"})


@web.middleware
async def cross_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuses with 403 what another site may have sent."""
    if is_forward_auth(request.path):
        return await handler(request)
    control = request.app[SERVICES].state.settings.control
    if request.path not in _PROBED | _KEYED:
        if not control.tokens:
            _check_peer(request)
        if not control.tokens or control.hosts:
            _check_host(request, control)
    _check_origin(request)
    _check_site(request)
    return await handler(request)


def allowed_host(host: str, control: Control) -> bool:
    """Whether ``Host`` names this listener in a way that no foreign DNS name can."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or is_loopback(name) or any(one.matches(name) for one in control.hosts):
        return True
    return control.listen is not None and name == control.listen.host.lower() != ""


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


def _check_host(request: web.Request, control: Control) -> None:
    listen = control.listen
    if listen is not None and listen.path is not None and not is_public(request):
        return  # no browser reaches a Unix socket, and callers name it as they like
    hosts = request.headers.getall("Host", [])
    if len(hosts) != 1 or not allowed_host(hosts[0], control):
        named = shown(hosts[0]) if hosts else "nothing"
        raise Refusal(
            403,
            f"Host names {named}. The control API answers to localhost, loopback addresses and "
            "the names in control.hosts alone, so that no web page can reach it by another name.",
        )


def _check_origin(request: web.Request) -> None:
    origins = request.headers.getall("Origin", [])
    if any(not same_origin(origin, request.headers.get("Host", "")) for origin in origins):
        raise Refusal(403, f"A page of {shown(origins[0])} may not call the control API.")


def _check_site(request: web.Request) -> None:
    # Of another site's doing is only a link that is followed: what it loads, its page cannot read.
    # An image, a script or a frame of it may not even make the gateway work.
    sites = request.headers.getall("Sec-Fetch-Site", ["none"])
    if all(site.strip().lower() in _OURS for site in sites):
        return
    followed = (request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest"))
    if request.method not in SAFE_METHODS or followed != ("navigate", "document"):
        raise Refusal(403, "A page of another site may not call the control API.")

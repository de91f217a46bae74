"""The request that another proxy asks about, read from the fields that the proxy has written.

It is read as the public port would read it: what no app would take is refused with 400, and
nothing is guessed that could let a request through. A field that is missing or said twice is the
proxy's misconfiguration, and says so. Who may ask is who may be believed: this machine, and
``trusted_proxies``, whose ``X-Forwarded-For`` alone counts.
"""

from __future__ import annotations

import re
from functools import lru_cache

from aiohttp import web

from gateway.config.settings import Settings
from gateway.control.problems import Problem, Refusal
from gateway.control.public import is_public
from gateway.core.addresses import Networks, compile_networks, is_loopback
from gateway.core.flags import Network
from gateway.core.hops import read_hops, visitor
from gateway.core.request import Facts

METHOD, URI, HOST, FOR = (f"X-Forwarded-{name}" for name in ("Method", "Uri", "Host", "For"))

_METHOD = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]++")
_TARGET = re.compile(rb"/[\x21\x22\x24-\x7e\x80-\xff]*+|\*")
_AUTHORITY = re.compile(rb"[A-Za-z0-9._~!$&'()*+;=%:\[\]-]++")

# What no WebSocket begins without, and passes on where ``Upgrade`` ends at each proxy.
_HANDSHAKE = b"sec-websocket-key"


def read_forwarded(request: web.Request, settings: Settings) -> Facts:
    """As most proxies put it: in ``X-Forwarded-Method``, ``-Uri``, ``-Host`` and ``-For``."""
    return _facts(request, settings, _one(request, METHOD), _one(request, URI), HOST)


def read_checked(request: web.Request, settings: Settings, prefix: str) -> Facts:
    """As Envoy puts it: the request's own method, host and fields, its path after ``prefix``."""
    raw = request.raw_path.removeprefix(prefix)
    target = raw.encode("utf-8", "surrogateescape")
    return _facts(request, settings, request.method.encode(), target, "Host")


def _facts(
    request: web.Request, settings: Settings, method: bytes, target: bytes, host_field: str
) -> Facts:
    proxies = _compiled(settings.trusted_proxies)
    _check_caller(request, proxies)
    if not _METHOD.fullmatch(method):
        raise Problem(400, f"{METHOD} is no request method.")
    if not _TARGET.fullmatch(target):
        raise Problem(400, f"{URI} is no request target: a path with its query, as it came.")
    host = _host(request, host_field)
    others = [each for each in request.raw_headers if each[0].lower() != b"host"]
    if any(name.lower() == _HANDSHAKE for name, _ in others):
        others.append((b"Upgrade", b"websocket"))
    if host:
        others.insert(0, (b"Host", host))
    return Facts(method, target, host, tuple(others), _client(request, proxies))


def _check_caller(request: web.Request, proxies: Networks) -> None:
    if is_public(request):  # where visitors are, and fields that proxies write are not
        raise Refusal(403, "Forward-auth is for control.listen, and not on the public port.")
    peer = request.remote or ""  # none on a Unix socket, which its permissions guard
    if peer and not is_loopback(peer) and not proxies.contain(peer):
        raise Refusal(
            403, f"{peer} is none of trusted_proxies: only such may ask what becomes of a request."
        )


def _one(request: web.Request, name: str) -> bytes:
    found = _lines(request, name)
    if len(found) != 1:
        said = "is missing" if not found else "is there more than once"
        raise Problem(400, f"{name} {said}: the proxy that asks has to write it once.")
    return found[0]


def _host(request: web.Request, name: str) -> bytes:
    """The host asked for. Without it a request may be for any: flags then hold generously."""
    if not _lines(request, name):
        return b""
    host = _one(request, name)
    if host and not _AUTHORITY.fullmatch(host):
        raise Problem(400, f"{name} is no host.")
    return host


def _client(request: web.Request, proxies: Networks) -> str:
    """The visitor's address, "" where it cannot be known: it is exempt from nothing then.

    Never that of the proxy, which would exempt everybody who comes over it.
    """
    peer = request.remote or ""
    if peer and not proxies.contain(peer):
        return ""
    return visitor(read_hops(_lines(request, FOR)), proxies) or ""


def _lines(request: web.Request, name: str) -> list[bytes]:
    wanted = name.lower().encode()
    return [value for field, value in request.raw_headers if field.lower() == wanted]


@lru_cache(maxsize=4)
def _compiled(networks: tuple[Network, ...]) -> Networks:
    return compile_networks(networks)

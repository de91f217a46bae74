"""Readers of addresses: where to listen, where the app is, whom to believe."""

from __future__ import annotations

import re
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from gateway.config.errors import Invalid
from gateway.config.nodes import Node
from gateway.config.scalars import text
from gateway.config.settings import Address
from gateway.core.addresses import is_loopback
from gateway.core.flags import Network
from gateway.core.paths import HostPattern, PatternError, compile_host

LONGEST_SOCKET_PATH = 107  # bytes: Linux's sun_path without its NUL


def upstream(node: Node) -> Address:
    """``http://host[:port]``, ``https://host[:port]`` or ``unix:/path``, and nothing more."""
    found = text(node)
    if found.startswith("unix:"):
        return _unix(found)
    try:
        parts = urlsplit(found)
        port = parts.port
    except ValueError as error:
        raise Invalid(_UPSTREAM) from error
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise Invalid(_UPSTREAM)
    _refuse_extras(parts, found)
    if port == 0:
        raise Invalid("must have a port from 1 to 65535")
    host = _host(parts.hostname, _UPSTREAM)
    return Address(host, port or _DEFAULT_PORTS[parts.scheme], tls=parts.scheme == "https")


def listen(node: Node) -> Address:
    """``host:port``, ``:port`` (every IPv4 address), ``[::]:port``, ``unix:/path`` or
    ``systemd:name``.
    """
    found = text(node)
    if found.startswith("systemd:"):
        return _passed(found.removeprefix("systemd:"))
    if found.startswith("unix:"):
        return _unix(found)
    match = _HOST_PORT.fullmatch(found)
    if match is None:
        raise Invalid(_LISTEN)
    port = int(match["port"])
    if port > 65535:
        raise Invalid("must have a port from 0 to 65535")
    host = match["six"] or match["host"] or "0.0.0.0"  # noqa: S104 what ":8080" asks for
    return Address(_host(host, _LISTEN), port)


def host_name(node: Node) -> str:
    """A host's name, without a port."""
    return _host(text(node), "must be a host's name, such as app.example.com")


def network(node: Node) -> Network:
    """A network in CIDR form; a bare address is that address alone."""
    found = text(node)
    try:
        return ip_network(found)
    except ValueError:
        pass
    try:
        meant = ip_network(found, strict=False)
    except ValueError as error:
        raise Invalid("must be an address or a network, such as 10.0.0.0/8") from error
    raise Invalid(f"has bits set beyond its prefix; did you mean {meant}?")


def host_pattern(node: Node) -> HostPattern:
    """``www.example.com`` or ``*.example.com``."""
    try:
        return compile_host(text(node))
    except PatternError as error:
        raise Invalid(str(error)) from error


def origin(node: Node) -> str:
    """``https://app.example.com``, ``http://localhost:3000``, or ``*``: as browsers write it."""
    found = text(node)
    if found == "*":
        return found
    try:
        parts = urlsplit(found)
        port = parts.port
    except ValueError as error:
        raise Invalid(_ORIGIN) from error
    if not _SCHEME.fullmatch(parts.scheme) or not parts.hostname:
        raise Invalid(_ORIGIN)
    _refuse_extras(parts, found)
    host = _host(parts.hostname, _ORIGIN)
    name = f"[{host}]" if ":" in host else host
    usual = port is None or port == _DEFAULT_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{name}" if usual else f"{parts.scheme}://{name}:{port}"


def is_local(address: Address) -> bool:
    """Whether only this machine can reach it. A Unix socket is a matter of file permissions.

    Of one that systemd has opened this is not known, so it is not.
    """
    by_name = address.path is not None or address.host.lower() == "localhost"
    return by_name or is_loopback(address.host)


def collide(one: Address, other: Address) -> bool:
    """Whether two listeners cannot both be had, or one would connect to the other."""
    if one.passed is not None or other.passed is not None:
        return one.passed == other.passed
    if one.path is not None or other.path is not None:
        return one.path == other.path
    if one.port != other.port or one.port == 0:
        return False
    hosts = {_canonical(one.host), _canonical(other.host)}
    return len(hosts) == 1 or not hosts.isdisjoint(_EVERYWHERE)


def _canonical(host: str) -> str:
    return "127.0.0.1" if host.lower() == "localhost" else host.lower()


def _unix(found: str) -> Address:
    path = found.removeprefix("unix:")
    if not path.startswith("/") or path.endswith("/"):
        raise Invalid("must be unix: and an absolute path, such as unix:/run/app.sock")
    if not path.isprintable() or len(path.encode()) > LONGEST_SOCKET_PATH:
        raise Invalid(f"must have a path of at most {LONGEST_SOCKET_PATH} printable bytes")
    return Address(path=path)


def _passed(name: str) -> Address:
    # As systemd.socket(5) has it of FileDescriptorName=.
    if not name or len(name) > 255 or ":" in name or not name.isascii() or not name.isprintable():
        raise Invalid("must be systemd: and the socket's FileDescriptorName=, such as systemd:http")
    return Address(passed=name)


def _refuse_extras(parts: SplitResult, found: str) -> None:
    # Requests are forwarded byte for byte, so there is nothing a path here could be joined to.
    extras = {
        "a user or password": "@" in parts.netloc,
        "a path": parts.path not in {"", "/"},
        "a query": "?" in found,
        "a fragment": "#" in found,
    }
    present = [name for name, there in extras.items() if there]
    if present:
        raise Invalid(f"must not have {' or '.join(present)}: scheme, host and port alone")


def _host(host: str, message: str) -> str:
    if ":" in host:
        try:
            return str(ip_address(host))
        except ValueError as error:
            raise Invalid(message) from error
    if not _HOST.fullmatch(host) or not _is_address_if_it_looks_like_one(host):
        raise Invalid(message)
    return host


def _is_address_if_it_looks_like_one(host: str) -> bool:
    if not _NUMERIC.fullmatch(host):
        return True
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


_ORIGIN = 'must be an origin, such as https://app.example.com, or "*"'
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*", re.ASCII)  # capacitor://localhost is one, too
_UPSTREAM = "must be http://host:port, https://host:port or unix:/path"
_LISTEN = (
    "must be host:port, :port, [ipv6]:port, unix:/path or systemd:name, such as 127.0.0.1:8080"
)
_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = {"0.0.0.0", "::"}  # noqa: S104 compared with, not bound
_HOST_PORT = re.compile(
    r"(?:\[(?P<six>[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*)\]|(?P<host>[^\s:/\[\]@]*)):(?P<port>[0-9]{1,5})",
    re.ASCII,
)
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*\.?")
_NUMERIC = re.compile(r"[0-9.]+")

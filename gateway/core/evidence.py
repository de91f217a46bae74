"""What one request shows: each question is worked out when it is first asked, and kept.

One value of it lives as long as one decision. Most flags ask only one or two questions, so
most of a request is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gateway.core.addresses import Networks
from gateway.core.identity import UserReader
from gateway.core.methods import named_methods, only_reads, opens_tunnel
from gateway.core.paths import HostPattern, PathPattern
from gateway.core.readings import Readings, read_targets
from gateway.core.request import RequestFacts

# Fields that make some apps take another target than the one in the request line.
_TARGETS = frozenset(
    (b"x-original-url", b"x-rewrite-url", b"x-original-uri", b"x-forwarded-uri", b"path-info")
)
_PREFIX = b"x-forwarded-prefix"
# gunicorn believes ``SCRIPT_NAME`` of a peer on its own host, and takes it off the target.
_PREFIX_OFF = b"script-name"
_NOTHING: tuple[bytes, ...] = ()
_MOST_REMEMBERED = 64
_LENGTHS = frozenset(map(len, (*_TARGETS, _PREFIX, _PREFIX_OFF)))
# Fields that make some apps take another host than ``Host``. They count whoever sent them: those
# of an untrusted peer may be dropped on the way to the app, and then a hold is only generous.
_HOSTS = frozenset((b"x-forwarded-host", b"x-original-host", b"x-http-host-override"))
_FORWARDED = b"forwarded"
_HOST_LENGTHS = frozenset(map(len, (*_HOSTS, _FORWARDED)))
_HOST_PARAMETER = re.compile(rb"""\bhost\s*=\s*("(?:[^"\\]|\\.)*+|[^;,\s]*+)""", re.IGNORECASE)
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://([^/?#\\]*)")
_PORT = re.compile(r":\d*\Z")


class Evidence:
    """What ``request`` shows about its path, host, method, address and user."""

    __slots__ = ("_hosts", "_methods", "_readings", "request")

    def __init__(self, request: RequestFacts) -> None:
        self.request = request
        self._readings: Readings | None = None
        self._hosts: tuple[str, ...] | None = None
        self._methods: frozenset[bytes] | None = None

    @property
    def readings(self) -> Readings:
        if self._readings is None:
            request = self.request
            self._readings = read_targets(request.target, _targets(request))
        return self._readings

    @property
    def origin(self) -> bytes:
        """The target in origin form, as an app that knows no other would get it."""
        target = self.request.target
        return target if target[:1] == b"/" else _origin(target)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Every host the request may be for: lower case, no port, no final dot.

        Empty if it names none itself: which site the app takes it for is unknown.
        """
        if self._hosts is None:
            names = [self.request.host]
            if absolute := _AUTHORITY.match(self.request.target):
                names.append(absolute[1])
            own = tuple(filter(None, map(_host, names)))
            self._hosts = own + _forwarded_hosts(self.request) if own else ()
        return self._hosts

    @property
    def methods(self) -> frozenset[bytes]:
        """Every method the request names, in upper case."""
        if self._methods is None:
            request = self.request
            self._methods = named_methods(request.method, request.target, request.fields)
        return self._methods

    @property
    def only_reads(self) -> bool:
        request = self.request
        return only_reads(request.method, self.methods) and not opens_tunnel(request.fields)

    def may_be_for(self, hosts: Iterable[HostPattern]) -> bool:
        """Generous: any host the request may be for, or none named at all."""
        named = self.hosts
        return not named or any(pattern.matches(host) for pattern in hosts for host in named)

    def may_ask_for(self, paths: Iterable[PathPattern]) -> bool:
        """Generous: any reading of the target in any of the patterns."""
        exact, folded, endless = self.readings
        if endless:
            return True
        for pattern in paths:
            holds = pattern.generous
            for reading in folded if pattern.folds else exact:
                if holds(reading):
                    return True
        return False

    def asks_only_for(self, paths: Sequence[PathPattern]) -> bool:
        """Strict: every reading of the target in one of the patterns."""
        exact, _, endless = self.readings
        if endless:
            return False
        for reading in exact:
            for pattern in paths:
                if pattern.strict(reading):
                    break
            else:
                return False
        return True

    def comes_from(self, networks: Networks) -> bool:
        return networks.contain(self.request.client)

    def users(self, readers: Iterable[UserReader]) -> frozenset[str]:
        """Every user the request may be from, by any of the sources."""
        found: frozenset[str] = frozenset()
        memo = self.request.memo
        for reader in readers:
            users = memo.get(reader)
            if users is None:
                # Readers are made anew with each snapshot; a connection may outlive many.
                if len(memo) >= _MOST_REMEMBERED:
                    memo.clear()
                users = memo[reader] = reader.read(self.request.fields)
            assert isinstance(users, frozenset)  # noqa: S101 nobody else writes at a reader
            found = found | users if found else users
        return found


def _targets(request: RequestFacts) -> Sequence[bytes]:
    """What the request names besides its own target; nearly always nothing."""
    if request.memo.get(_targets) is _NOTHING:
        return _NOTHING
    found: list[bytes] = []
    for name, value in request.fields:
        # The length first: it rules out nearly every field in 30 ns.
        if len(name) in _LENGTHS:
            known = name.lower().replace(b"_", b"-")
            if known in _TARGETS:
                found.append(value)
            elif known == _PREFIX:
                found.append(value.rstrip(b"/") + request.target)
            elif known == _PREFIX_OFF:
                found.append(_origin(request.target).removeprefix(value))
    if not found:
        request.memo[_targets] = _NOTHING
    return found


def _origin(target: bytes) -> bytes:
    """A target without the authority of its absolute form."""
    absolute = _AUTHORITY.match(target)
    return target[absolute.end() :] if absolute else target


def _forwarded_hosts(request: RequestFacts) -> tuple[str, ...]:
    """The hosts that fields name besides ``Host``; nearly always none."""
    known = request.memo.get(_forwarded_hosts)
    if known is not None:
        assert isinstance(known, tuple)  # noqa: S101 nobody else writes there
        return known
    names: list[bytes] = []
    for field, value in request.fields:
        if len(field) in _HOST_LENGTHS:
            name = field.lower().replace(b"_", b"-")
            if name in _HOSTS:
                names += value.split(b",")
            elif name == _FORWARDED:
                names += (_unquoted(found[1]) for found in _HOST_PARAMETER.finditer(value))
    hosts = tuple(filter(None, map(_host, names)))
    request.memo[_forwarded_hosts] = hosts
    return hosts


def _unquoted(value: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", value[1:]) if value.startswith(b'"') else value


def _host(authority: bytes) -> str:
    host = authority.decode("latin-1").strip().strip('"').rpartition("@")[2].lower()
    return _PORT.sub("", host).rstrip(".")

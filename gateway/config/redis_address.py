"""Where a Redis store is: one address, with everything that is to be said about it.

    redis://[[user]:password@]host[:6379][/db][?options]
    rediss://...                                              the same with TLS
    redis+unix://[[user]:password@]/path/to.sock[?options]    db is an option here
    redis+sentinel://[[user]:password@]host[:26379],host2[:26379]/service[/db][?options]
    rediss+sentinel://...                                     TLS to the sentinels and to Redis

User and password are percent-encoded. No message repeats any part of the address: it may
hold a password that a variable brought in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gateway.core.durations import parse_duration

REDIS_SCHEMES = frozenset({"redis", "rediss", "redis+unix", "redis+sentinel", "rediss+sentinel"})
Verify = Literal["full", "ca", "none"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class RedisTls:
    """How to be sure of the server, and who we are. ``ca`` None: those the system trusts.

    ``verify``: full (certificate and host name), ca (certificate alone), none.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: Verify = "full"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """One Redis. With ``service`` the ``hosts`` are sentinels; with ``socket`` there are none.

    ``wait`` is how many replicas have to have a write before it counts, ``wait_timeout`` for
    how many seconds they are waited for. ``timeout`` is seconds, of any one answer.
    """

    hosts: tuple[tuple[str, int], ...] = ()
    socket: str | None = None
    service: str | None = None
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = field(default=None, repr=False)
    sentinel_password: str | None = field(default=None, repr=False)
    tls: RedisTls | None = None
    prefix: str = "{gateway}"
    wait: int = 0
    wait_timeout: float = 0.5
    timeout: float = 2.0

    def __str__(self) -> str:
        where = self.socket or ",".join(f"{host}:{port}" for host, port in self.hosts)
        return f"redis {where} {self.service}" if self.service else f"redis {where}"


def parse_redis_address(url: str) -> RedisAddress:
    """Read an address. Raises ``ValueError``, whose message says what is wrong with it."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise ValueError("is no address") from error
    if parts.scheme not in REDIS_SCHEMES or not parts.netloc + parts.path:
        raise ValueError(_FORMS)
    if parts.fragment:
        raise ValueError("has a #; in a password it is written %23")
    options = _options(parts)
    username, password, hosts = _authority(parts)
    socket, service, db = _place(parts, options)
    return RedisAddress(
        hosts=() if socket else _hosts(hosts, many=service is not None),
        socket=socket,
        service=service,
        db=db,
        username=username,
        password=password,
        sentinel_username=options.pop("sentinel_username", None),
        sentinel_password=options.pop("sentinel_password", None),
        tls=_tls(parts, options),
        prefix=_take(options, "prefix", _prefix, "{gateway}"),
        wait=_take(options, "wait", _count, 0),
        **_times(options),
    )


def without_password(url: str) -> str:
    """A store's address as it may be shown: user, password and options left out."""
    if urlsplit(url).scheme not in REDIS_SCHEMES:
        return url
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def redis_files(address: RedisAddress) -> tuple[Path, ...]:
    """The files that an address names, which have to be there when it is used."""
    tls = address.tls or RedisTls()
    return tuple(path for path in (tls.ca, tls.cert, tls.key) if path is not None)


def _options(parts: SplitResult) -> dict[str, str]:
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise ValueError("has options that are not name=value&name=value") from error
    known = set(_OPTIONS)
    if parts.scheme.endswith("+sentinel"):
        known |= {"sentinel_username", "sentinel_password"}
    if parts.scheme.startswith("rediss"):
        known |= {"ca", "cert", "key", "verify"}
    if parts.scheme == "redis+unix":
        known |= {"db"}
    for name, _ in pairs:
        if name not in known:
            raise ValueError(f"has an option that there is not here; known: {_listed(known)}")
    if len(dict(pairs)) < len(pairs):
        raise ValueError("has an option twice")
    return dict(pairs)


def _authority(parts: SplitResult) -> tuple[str | None, str | None, str]:
    user, at, hosts = parts.netloc.rpartition("@")
    name, _, secret = user.partition(":")
    if at and not secret:
        raise ValueError("has a user without a password; a password alone is :PASSWORD@")
    return unquote(name) or None, unquote(secret) or None, hosts


def _place(parts: SplitResult, options: dict[str, str]) -> tuple[str | None, str | None, int]:
    # The socket, the service of the sentinels, and the database's number.
    if parts.scheme == "redis+unix":
        path = unquote(parts.path)
        if not path.startswith("/") or path == "/" or parts.netloc.rpartition("@")[2]:
            raise ValueError("must be redis+unix:///path/to.sock, with three slashes")
        return path, None, _take(options, "db", _count, 0)
    first, *more = parts.path.lstrip("/").split("/") if parts.path.strip("/") else [""]
    if not parts.scheme.endswith("+sentinel"):
        service, numbers = None, [first, *more] if first else []
    elif first:
        service, numbers = unquote(first), more
    else:
        raise ValueError("must name the service that the sentinels watch: .../SERVICE")
    if len(numbers) > 1 or not all(map(_NUMBER.fullmatch, numbers)):
        raise ValueError("must end in the number of a database, as /0")
    return None, service, int(numbers[0]) if numbers else 0


def _hosts(text: str, *, many: bool) -> tuple[tuple[str, int], ...]:
    hosts = text.split(",")
    if len(hosts) > 1 and not many:
        raise ValueError("must have one host; several are for redis+sentinel://")
    return tuple(_host(host, 26379 if many else 6379) for host in hosts)


def _host(text: str, port: int) -> tuple[str, int]:
    match = _HOST.fullmatch(text)
    if match is None:
        raise ValueError(_FORMS)
    number = int(match["port"] or port)
    if not 0 < number < 65536:
        raise ValueError("must have a port from 1 to 65535")
    return match["six"] or match["host"], number


def _tls(parts: SplitResult, options: dict[str, str]) -> RedisTls | None:
    if not parts.scheme.startswith("rediss"):
        return None
    tls = RedisTls(
        ca=_take(options, "ca", _file, None),
        cert=_take(options, "cert", _file, None),
        key=_take(options, "key", _file, None),
        verify=_take(options, "verify", _verify, "full"),
    )
    if tls.key is not None and tls.cert is None:
        raise ValueError("has the option key without cert")
    return tls


def _times(options: dict[str, str]) -> dict[str, float]:
    timeout = _take(options, "timeout", parse_duration, 2.0)
    wait = _take(options, "wait_timeout", parse_duration, min(0.5, timeout / 2))
    if not 0.05 <= timeout <= 10:
        raise ValueError("must have a timeout from 50ms to 10s")
    if not 0.001 <= wait < timeout:
        raise ValueError("must have a wait_timeout of at least 1ms, and under the timeout")
    return {"timeout": timeout, "wait_timeout": wait}


def _take(options: dict[str, str], name: str, read: Callable[[str], T], default: T) -> T:
    if name not in options:
        return default
    try:
        return read(options.pop(name))
    except ValueError as error:
        raise ValueError(f"has a wrong option {name}: {error}") from error


def _file(text: str) -> Path:
    if not text.startswith("/"):
        raise ValueError("must be an absolute path")
    return Path(text)


def _count(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise ValueError("must be a number, 0 or more")
    return int(text)


def _prefix(text: str) -> str:
    # In braces, so that a cluster keeps all our keys in one place.
    if not _PREFIX.fullmatch(text):
        raise ValueError("must be of letters, digits and .:_- (braces are added)")
    return "{" + text.strip("{}") + "}"


def _verify(text: str) -> Verify:
    match text:
        case "full" | "ca" | "none":
            return text
        case _:
            raise ValueError("must be full, ca or none")


def _listed(names: set[str]) -> str:
    return ", ".join(sorted(names))


_OPTIONS = ("prefix", "wait", "wait_timeout", "timeout")
_FORMS = (
    "must be redis://HOST[:PORT][/DB], rediss://..., redis+unix:///PATH or "
    "redis+sentinel://HOST,HOST.../SERVICE"
)
_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[\w.-]+))(?::(?P<port>\d{1,5}))?")
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)
_PREFIX = re.compile(r"\{[\w.:-]{1,64}\}|[\w.:-]{1,64}", re.ASCII)

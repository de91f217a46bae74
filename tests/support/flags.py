"""Flags, snapshots and requests in one line each, for tests of decisions."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from gateway.core.flags import Exemptions, Flag, FlagState, Identity, IdentitySource, Mode, Scope
from gateway.core.overrides import Override
from gateway.core.paths import PathPattern, compile_host, compile_path
from gateway.core.request import Facts
from gateway.core.snapshot import Snapshot, compile_snapshot


def patterns(*texts: str) -> tuple[PathPattern, ...]:
    return tuple(map(compile_path, texts))


def scope(*paths: str, hosts: Sequence[str] = (), methods: Sequence[str] = ()) -> Scope:
    return Scope(tuple(map(compile_host, hosts)), patterns(*paths), frozenset(methods))


def exempt(*paths: str, networks: Sequence[str] = (), users: Sequence[str] = ()) -> Exemptions:
    return Exemptions(patterns(*paths), tuple(map(ip_network, networks)), frozenset(users))


def flag(
    name: str,
    *paths: str,
    enabled: bool = True,
    mode: Mode = Mode.UNAVAILABLE,
    ttl: float = 300.0,
    allow: Exemptions | None = None,
    **rest: Any,
) -> Flag:
    """A site or feature flag, on unless told otherwise."""
    state = FlagState(enabled, ttl=ttl, mode=mode)
    return Flag(name, state, scope=scope(*paths, **rest), allow=allow or Exemptions())


def user_flag(
    name: str,
    *paths: str,
    sources: Sequence[tuple[str, str]] = (("cookie", "uid"),),
    users: Sequence[str] = (),
    rollout: float = 0.0,
    hold_missing: bool = False,
    enabled: bool = True,
    allow: Exemptions | None = None,
) -> Flag:
    """A per-user flag, which is armed unless told otherwise."""
    where = tuple(IdentitySource(place, field) for place, field in sources)
    return Flag(
        name,
        FlagState(enabled, users=tuple(users), rollout=rollout),
        scope=scope(*paths),
        identity=Identity(where, hold_missing),
        allow=allow or Exemptions(),
    )


def snapshot(
    *flags: Flag,
    allow: Exemptions | None = None,
    overrides: dict[str, Override] | None = None,
    others: dict[str, Override] | None = None,
    now: float = 0.0,
) -> Snapshot:
    return compile_snapshot(
        flags, overrides or {}, revision=1, allow=allow or Exemptions(), now=now, others=others
    )


def ask(
    target: str | bytes = "/",
    method: str = "GET",
    host: str = "example.com",
    client: str = "192.0.2.1",
    **fields: str,
) -> Facts:
    """A request; ``cookie="a=b"`` and ``x_user="u"`` become header lines."""
    raw = target if isinstance(target, bytes) else target.encode()
    lines = tuple((name.replace("_", "-").encode(), text.encode()) for name, text in fields.items())
    return Facts(method.encode(), raw, host.encode(), lines, client)

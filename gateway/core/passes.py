"""Passes: what a bypass link gives to whoever follows it, and what makes one worth nothing.

A flag whose ``allow`` has a key has a ``Gate``: it reads the passes that a request bears. How they
are signed is not known here. What has been revoked is known, since it is a part of the state: it is
kept among the overrides, under a name that no flag can have, and so it is durable, makes a revision
and is followed by every member, and no edit of the YAML and no reset of the flag takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol

from gateway.core.durations import LONGEST_TIME
from gateway.core.overrides import Override
from gateway.core.request import RequestFacts

# A cookie for each flag; and the paths where one is given and taken back.
COOKIE = "maintenance-bypass."
OWN_PATHS = b"/-/maintenance/bypass/"
MOST_REVOKED = 100  # passes of one flag, one by one

_IN_COOKIES = COOKIE.encode()
_KEY = "/bypass"


class Shown(Enum):
    """What a request shows at a gate."""

    NOTHING = auto()
    VOID = auto()
    VALID = auto()


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token says. ``expires`` is seconds since the epoch.

    ``round`` is how often all passes of the flag had been revoked when it was made.
    """

    id: str
    round: int
    expires: int


class Gate(Protocol):
    """Reads the passes of one flag, as signed and revoked in one snapshot."""

    def shown(self, fields: Sequence[tuple[bytes, bytes]]) -> Shown:
        """What the cookies among these fields come to: one that is valid is enough."""

    def opened_by(self, token: bytes) -> Pass | None:
        """What a token says; None: it is not ours, not this flag's, expired or revoked."""

    def issue(self, seconds: float) -> tuple[str, Pass]:
        """A new token, and what it says."""


@dataclass(frozen=True, slots=True)
class Revocations:
    """What of one flag's passes has been revoked: all before a round, and single ones.

    A count and no time: members whose clocks differ agree on it.
    """

    round: int = 0
    ids: frozenset[str] = frozenset()

    def spare(self, one: Pass) -> bool:
        return one.round >= self.round and one.id not in self.ids


NOTHING_REVOKED = Revocations()


def revocation_key(flag: str) -> str:
    """The name under which the overrides have what was revoked of a flag's passes."""
    return flag + _KEY


def is_revocation(name: str) -> bool:
    return name.endswith(_KEY)


def read_revocations(override: Override | None) -> Revocations:
    if override is None:
        return NOTHING_REVOKED
    found: Mapping[str, Any] = override.values
    return Revocations(int(found["round"]), frozenset(found["ids"]))


def revoked(current: Override | None, one: str | None, *, now: float, by: str) -> Override:
    """With one more pass revoked, by its id, or (None) with all that were made up to now.

    Raises ``ValueError`` where too many are revoked one by one.
    """
    before: Mapping[str, Any] = {"round": 0, "ids": {}} if current is None else current.values
    if one is None:
        return Override("", {"round": before["round"] + 1, "ids": {}}, now, by)
    # None lasts for longer than a year: those that were revoked before then need no word.
    ids = {each: at for each, at in before["ids"].items() if at > now - LONGEST_TIME}
    ids.setdefault(one, now)
    if len(ids) > MOST_REVOKED:
        raise ValueError(f"{MOST_REVOKED} are revoked one by one already: revoke them all")
    return Override("", {"round": before["round"], "ids": ids}, now, by)


def bears_pass(request: RequestFacts) -> bool:
    """Whether a cookie is there that may be a pass of any flag."""
    found = request.memo.get(bears_pass)
    if found is None:
        found = request.memo[bears_pass] = any(
            _IN_COOKIES in value
            for name, value in request.fields
            if len(name) == 6 and name.lower() == b"cookie"
        )
    return bool(found)

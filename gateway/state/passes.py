"""Passes signed and read with itsdangerous: the one place that has to do with the keys.

Theory of operation. A token is a pass's id, round and expiry, signed (HMAC-SHA256) with the key of
the flag, or else that of the site, and the flag's name. So a token of another flag, or of a key
that was changed, is none. Nothing of it is kept: whoever has the key can read it, on any member.

To verify one costs some five times what it costs to remember it, so those that were valid are
remembered until they expire; of what is not valid nothing is, since anybody can send as much of
that as they like.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from cachetools import TLRUCache
from itsdangerous import BadData, URLSafeSerializer

from gateway.core.flags import Flag
from gateway.core.overrides import Override
from gateway.core.passes import (
    COOKIE,
    Pass,
    Revocations,
    Shown,
    read_revocations,
    revocation_key,
)

LONGEST_TOKEN = 256  # bytes; ours are some 90
_MOST_TRIED = 4  # cookies of one flag in one request: each costs a verification
_MOST_KNOWN = 1024
_SALT = b"maintenance-bypass\0"
# The decoder passes over any other byte, and over all that comes after "=". But what is read here
# goes back into a field as it came.
_TOKEN = re.compile(rb"[A-Za-z0-9_.\-]{1,%d}" % LONGEST_TOKEN)

Clock = Callable[[], float]
Known = TLRUCache[tuple[str, str, bytes], Pass]  # by key, flag and token


class Passes:
    """Makes the gates of flags. ``clock`` is seconds since the epoch."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: Known = TLRUCache(
            _MOST_KNOWN, ttu=lambda _key, found, _now: found.expires, timer=clock
        )

    def gates(
        self, site_key: str | None, *histories: Mapping[str, Override]
    ) -> Callable[[Flag], SignedGate | None]:
        """The gate of each flag that has a key, with what the overrides say is revoked.

        Of several histories, what is revoked in any of them is.
        """

        def gate(flag: Flag) -> SignedGate | None:
            key = flag.allow.key or site_key
            if key is None:
                return None
            name = revocation_key(flag.name)
            revocations = tuple(read_revocations(each.get(name)) for each in histories)
            return SignedGate(flag.name, revocations, key, self._known, self._clock)

        return gate


@dataclass(frozen=True, slots=True, eq=False)
class SignedGate:
    """The ``Gate`` of a flag with a key."""

    flag: str
    revocations: tuple[Revocations, ...]
    _key: str = field(repr=False)
    _known: Known = field(repr=False)
    _clock: Clock

    def shown(self, fields: Sequence[tuple[bytes, bytes]]) -> Shown:
        found = Shown.NOTHING
        for token in islice(self._tokens(fields), _MOST_TRIED):
            if self.opened_by(token) is not None:
                return Shown.VALID
            found = Shown.VOID
        return found

    def opened_by(self, token: bytes) -> Pass | None:
        known = (self._key, self.flag, token)
        found = self._known.get(known)
        if found is None:
            found = self._verified(token)
            if found is None or found.expires <= self._clock():
                return None
            self._known[known] = found
        return found if all(each.spare(found) for each in self.revocations) else None

    def issue(self, seconds: float) -> tuple[str, Pass]:
        last = max((each.round for each in self.revocations), default=0)
        made = Pass(secrets.token_urlsafe(6), last, int(self._clock() + seconds))
        token = self._serializer().dumps([made.id, made.round, made.expires])
        return str(token), made

    def _tokens(self, fields: Sequence[tuple[bytes, bytes]]) -> Iterator[bytes]:
        start = f"{COOKIE}{self.flag}=".encode()
        for name, line in fields:
            if len(name) == 6 and start in line and name.lower() == b"cookie":
                for part in line.split(b";"):
                    cookie = part.strip(b" \t")
                    if cookie.startswith(start):
                        yield cookie[len(start) :]

    def _verified(self, token: bytes) -> Pass | None:
        if not _TOKEN.fullmatch(token):
            return None
        try:
            one, turn, expires = self._serializer().loads(token)
            return Pass(str(one), int(turn), int(expires))
        except (BadData, ValueError, TypeError):
            return None

    def _serializer(self) -> URLSafeSerializer:
        return URLSafeSerializer(
            self._key,
            salt=_SALT + self.flag.encode(),
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )

"""One flag as it holds now, made ready to judge requests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.core.addresses import Networks, compile_networks
from gateway.core.evidence import Evidence
from gateway.core.flags import (
    Exemptions,
    Flag,
    FlagState,
    IdentitySource,
    Kind,
    Mode,
    Scope,
)
from gateway.core.identity import (
    UserReader,
    compile_source,
    exempt_forms,
    rollout_place,
    rollout_threshold,
)
from gateway.core.outcomes import Decision, Forward, HeldBack, Hold, Reason, Refuse
from gateway.core.paths import HostPattern, PathPattern

# Built once: a decision allocates nothing that says its result.
_DISABLED = Forward(Reason.DISABLED)
_OTHER_HOST = Forward(Reason.OTHER_HOST)
_OTHER_PATH = Forward(Reason.OTHER_PATH)
_OTHER_METHOD = Forward(Reason.OTHER_METHOD)
_SAFE_METHOD = Forward(Reason.SAFE_METHOD)
_EXEMPT_PATH = Forward(Reason.EXEMPT_PATH)
_EXEMPT_ADDRESS = Forward(Reason.EXEMPT_ADDRESS)
_EXEMPT_USER = Forward(Reason.EXEMPT_USER)
_NO_IDENTITY = Forward(Reason.NO_IDENTITY)
_USER_NOT_LISTED = Forward(Reason.USER_NOT_LISTED)


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Which requests a flag is about: its scope, with the methods as they come."""

    hosts: tuple[HostPattern, ...]
    paths: tuple[PathPattern, ...]
    methods: frozenset[bytes]
    read_only: bool

    def outside(self, evidence: Evidence) -> Forward | None:
        """Why a request is not in it, or ``None`` if it is: generous throughout."""
        if self.hosts and not evidence.may_be_for(self.hosts):
            return _OTHER_HOST
        if self.paths and not evidence.may_ask_for(self.paths):
            return _OTHER_PATH
        if self.methods and self.methods.isdisjoint(evidence.methods):
            return _OTHER_METHOD
        if self.read_only and evidence.only_reads:
            return _SAFE_METHOD
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Who:
    """Whom a per-user flag holds. ``threshold`` is the rollout's, of 2**64."""

    flag: str
    readers: tuple[UserReader, ...]
    listed: frozenset[str]
    threshold: int
    exempt: frozenset[str]
    if_listed: Decision
    if_in_rollout: Decision
    if_missing: Decision

    def judge(self, evidence: Evidence) -> Decision:
        """Any reading of the user counts for a hold; all must be exempt for an exemption."""
        users = evidence.users(self.readers)
        if not users:
            return self.if_missing
        if self.exempt and users <= self.exempt:
            return _EXEMPT_USER
        if not users.isdisjoint(self.listed):
            return self.if_listed
        if self.threshold and self._in_rollout(users):
            return self.if_in_rollout
        return _USER_NOT_LISTED

    def concerns(self, evidence: Evidence, user: str) -> bool:
        """Whether a request may be this user's, by any reading, and is not exempt."""
        users = evidence.users(self.readers)
        return user in users and not users <= self.exempt

    def holds(self, user: str) -> bool:
        """Whether a request that names this user alone is held."""
        if user in self.exempt:
            return False
        return user in self.listed or (bool(self.threshold) and self._in_rollout((user,)))

    @property
    def holds_only_listed(self) -> bool:
        """Whether the include list alone says who may be held."""
        return not self.threshold and isinstance(self.if_missing, Forward)

    def _in_rollout(self, users: Iterable[str]) -> bool:
        return any(rollout_place(self.flag, user) < self.threshold for user in users)


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One flag, compiled. ``order`` is its place among the flags as they were written.

    ``Refuse`` is what it says of every request that it is on for. ``mode`` tells those that do
    refuse from those that apply to what goes on.
    """

    order: int
    enabled: bool
    mode: Mode
    place: Place
    exempt_paths: tuple[PathPattern, ...]
    exempt_networks: Networks | None
    who: Who | None
    if_held: HeldBack

    def judge(self, evidence: Evidence) -> Decision:
        """This flag's own decision, whatever other flags say."""
        if not self.enabled:
            return _DISABLED
        spared = self._spared(evidence)
        if spared is not None:
            return spared
        return self.if_held if self.who is None else self.who.judge(evidence)

    def concerns(self, evidence: Evidence, user: str | None) -> bool:
        """Whether a drain of this flag (and user) must see the end of a request.

        That is so if the flag would hold it: it is in scope and not exempt, and it may be of
        the user, if one is named. Whether the flag is on is the drain's business.
        """
        if self._spared(evidence) is not None:
            return False
        if self.who is None:
            return True
        if user is not None:
            return self.who.concerns(evidence, user)
        return not isinstance(self.who.judge(evidence), Forward)

    def covers(self, evidence: Evidence) -> bool:
        """Whether the flag may come to hold a request, on in any mode and for whomever."""
        spared = self._spared(evidence)
        return spared is None or spared is _SAFE_METHOD

    def holds(self, user: str | None) -> bool:
        """Whether the flag is on, for this user if one is named and it tells users apart."""
        return self.enabled and (self.who is None or user is None or self.who.holds(user))

    def _spared(self, evidence: Evidence) -> Forward | None:
        # Why a request is forwarded, whoever it is from; None: it is in scope and not exempt.
        outside = self.place.outside(evidence)
        if outside is not None:
            return outside
        if self.exempt_networks is not None and evidence.comes_from(self.exempt_networks):
            return _EXEMPT_ADDRESS
        if self.exempt_paths and evidence.asks_only_for(self.exempt_paths):
            return _EXEMPT_PATH
        return None

    @property
    def holds_everything(self) -> bool:
        """Whether no request at all gets past this flag: the whole site, with no exemption."""
        place = self.place
        everywhere = not (place.hosts or place.paths or place.methods or place.read_only)
        exempt = self.exempt_networks is not None or self.exempt_paths
        return self.enabled and everywhere and not exempt and self.who is None

    @property
    def may_hold(self) -> bool:
        """Whether there is any request that this flag would hold."""
        if not self.enabled or self.who is None:
            return self.enabled
        return bool(self.who.listed) or not self.who.holds_only_listed


class Readers:
    """The readers of identity sources: one for each, so that a request is read once."""

    __slots__ = ("_by_source",)

    def __init__(self) -> None:
        self._by_source: dict[IdentitySource, UserReader] = {}

    def all_for(self, sources: Iterable[IdentitySource]) -> tuple[UserReader, ...]:
        return tuple(self._one(source) for source in sources)

    def _one(self, source: IdentitySource) -> UserReader:
        if source not in self._by_source:
            self._by_source[source] = compile_source(source)
        return self._by_source[source]


def compile_rule(
    flag: Flag, state: FlagState, *, order: int, allow: Exemptions, readers: Readers
) -> Rule:
    """The rule of a flag in a state; ``allow`` holds what is exempt from every flag."""
    own = flag.exemptions
    networks = own.networks + allow.networks
    site = Reason.SITE if flag.kind is Kind.SITE else Reason.FEATURE
    return Rule(
        order=order,
        enabled=state.enabled,
        mode=state.mode,
        place=compile_place(flag.scope, state.mode),
        exempt_paths=own.paths + allow.paths,
        exempt_networks=compile_networks(networks) if networks else None,
        who=compile_who(flag, state, allow.users, readers),
        if_held=compile_held(flag, state, site),
    )


def compile_place(scope: Scope, mode: Mode) -> Place:
    """HEAD is in scope where GET is."""
    methods = {method.upper().encode() for method in scope.methods}
    if b"GET" in methods:
        methods.add(b"HEAD")
    return Place(scope.hosts, scope.paths, frozenset(methods), mode is Mode.READ_ONLY)


def compile_who(
    flag: Flag, state: FlagState, exempt: frozenset[str], readers: Readers
) -> Who | None:
    if flag.identity is None:
        return None
    return Who(
        flag.name,
        readers.all_for(flag.identity.sources),
        frozenset(state.users),
        rollout_threshold(state.rollout),
        exempt_forms(flag.allow.users | exempt),
        if_listed=compile_held(flag, state, Reason.USER_LISTED),
        if_in_rollout=compile_held(flag, state, Reason.USER_IN_ROLLOUT),
        if_missing=compile_held(flag, state, Reason.IDENTITY_MISSING)
        if flag.identity.hold_missing
        else _NO_IDENTITY,
    )


def compile_held(flag: Flag, state: FlagState, reason: Reason) -> HeldBack:
    """What becomes of a request that the flag holds."""
    outcome = Hold if state.mode is Mode.HOLD else Refuse
    return outcome(flag.name, reason)

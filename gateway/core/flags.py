"""What a flag is: who and what it takes out of service, and how.

A ``Flag`` is the definition a person wrote. Its ``state`` is the part that a flip can
change; everything else changes only with the YAML. All values are frozen: a change is a
new value in a new snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Literal

from gateway.core.paths import HostPattern, PathPattern
from gateway.core.windows import Window

Network = IPv4Network | IPv6Network


class Kind(StrEnum):
    """What a flag takes out of service; it follows from the keys the flag has."""

    SITE = "site"
    FEATURE = "feature"
    USER = "user"


class Mode(StrEnum):
    """What happens to a request that a flag is about."""

    UNAVAILABLE = "unavailable"
    READ_ONLY = "read-only"
    HOLD = "hold"
    NOTICE = "notice"
    ANONYMOUS = "anonymous"

    @property
    def lets_go_on(self) -> bool:
        """Whether the request is forwarded, with something done to it."""
        return self in _LETTING_GO_ON


_LETTING_GO_ON = frozenset((Mode.NOTICE, Mode.ANONYMOUS))


@dataclass(frozen=True, slots=True)
class Scope:
    """Which requests a flag is about; an empty field does not restrict."""

    hosts: tuple[HostPattern, ...] = ()
    paths: tuple[PathPattern, ...] = ()
    methods: frozenset[str] = frozenset()

    @property
    def whole_site(self) -> bool:
        return not (self.hosts or self.paths or self.methods)


@dataclass(frozen=True, slots=True)
class IdentitySource:
    """One place a user's name is read from: a cookie or a request header."""

    place: Literal["cookie", "header"]
    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Where a per-user flag finds the user; sources are tried in order."""

    sources: tuple[IdentitySource, ...]
    hold_missing: bool = False


@dataclass(frozen=True, slots=True)
class Exemptions:
    """Requests that a flag lets through although they are in its scope."""

    paths: tuple[PathPattern, ...] = ()
    networks: tuple[Network, ...] = ()
    users: frozenset[str] = frozenset()
    key: str | None = field(default=None, repr=False)  # signs bypass links; a secret


@dataclass(frozen=True, slots=True)
class Page:
    """How a refusal looks. ``None`` means: what the next level up says."""

    title: str | None = None
    message: str | None = None
    retry_after: int | None = None  # seconds
    template: str | None = None  # absolute path of a Jinja2 file
    status: int | None = None
    source: str | None = field(default=None, repr=False)  # the template's text, as validated
    url: str | None = field(default=None, repr=False)  # of a page to be fetched; may hold a key
    progress: bool | None = None  # tell how far the command behind the flag is
    json: tuple[PathPattern, ...] = ()  # of the site alone: who asks there is a program


@dataclass(frozen=True, slots=True)
class HoldTerms:
    """How requests wait: each so many seconds at most, so many at once, and how they go on.

    ``rate`` is how many go on a second. ``limit`` and ``rate`` are each worker's.
    """

    seconds: float = 30.0
    limit: int = 1000
    rate: int = 100


@dataclass(frozen=True, slots=True)
class Notice:
    """What mode ``notice`` adds to HTML pages: a text, and CSS selectors of what is hidden."""

    banner: str = ""
    hide: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Strip:
    """The credentials that mode ``anonymous`` takes out of a request, by name."""

    cookies: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.cookies or self.headers)


@dataclass(frozen=True, slots=True)
class Trigger:
    """A file that a flag is on by while it is there, and what was found there.

    ``errors`` are (line, words): what it holds cannot be used, so that all it says is ``on``.
    ``message``, ``retry_after`` (seconds), ``status`` and ``allow`` are what it says beside.
    """

    file: str  # absolute
    on: bool = False
    case_sensitive: bool = False
    message: str | None = None
    retry_after: int | None = None
    status: int | None = None
    allow: Exemptions = field(default_factory=Exemptions)
    errors: tuple[tuple[int | None, str], ...] = ()


@dataclass(frozen=True, slots=True)
class FlagState:
    """The keys that an override can change.

    ``rollout`` is a percentage, 0 to 100; ``ttl`` and ``retry_after`` are seconds.
    ``message`` and ``retry_after`` are the flag's own, ``None`` where it has none.
    ``ttl_inherited`` tells a TTL that is the whole file's from one of the flag's own, and
    ``written`` names the keys that are in the YAML (``page.message`` for one): to write a
    default out is an edit, too. In ``window`` the flag is on unless ``enabled`` was turned off.
    """

    enabled: bool
    users: tuple[str, ...] = ()
    rollout: float = 0.0
    ttl: float = 300.0
    mode: Mode = Mode.UNAVAILABLE
    message: str | None = None
    retry_after: int | None = None
    window: Window | None = None
    ttl_inherited: bool = False
    written: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag as the YAML has it. ``longest``: seconds after which, still on, it is forgotten."""

    name: str
    state: FlagState
    description: str = ""
    scope: Scope = field(default_factory=Scope)
    identity: Identity | None = None
    allow: Exemptions = field(default_factory=Exemptions)
    page: Page = field(default_factory=Page)
    strict: bool = False
    hold: HoldTerms = field(default_factory=HoldTerms)
    notice: Notice = field(default_factory=Notice)
    strip: Strip = field(default_factory=Strip)
    trigger: Trigger | None = None
    longest: float | None = None

    @property
    def exemptions(self) -> Exemptions:
        """The YAML's, and those of a trigger file that is there."""
        own = self.allow
        if self.trigger is None:
            return own
        more = self.trigger.allow
        return Exemptions(own.paths + more.paths, own.networks + more.networks, own.users)

    @property
    def kind(self) -> Kind:
        if self.identity is not None:
            return Kind.USER
        return Kind.SITE if self.scope.whole_site else Kind.FEATURE

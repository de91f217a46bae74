"""The configuration as frozen values: what the YAML and the environment come to."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from gateway.core.events import Group
from gateway.core.flags import Exemptions, Flag, HoldTerms, Network, Page
from gateway.core.paths import HostPattern


class Secret(str):
    """A string that never shows in a repr, a log or a traceback. Compare with hmac."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret('***')"


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen or connect: TCP (``host``, ``port``) or a Unix socket (``path``).

    ``passed``: to listen on the sockets of this name that systemd has opened.
    """

    host: str = ""
    port: int = 0
    path: str | None = None
    tls: bool = False
    passed: str | None = None

    def __str__(self) -> str:
        """The form a person would write: ``127.0.0.1:8080``, ``[::1]:80``, ``unix:/x``."""
        if self.passed is not None:
            return f"systemd:{self.passed}"
        if self.path is not None:
            return f"unix:{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


DEFAULT_LISTEN = Address("0.0.0.0", 8080)  # noqa: S104 the documented default


@dataclass(frozen=True, slots=True)
class Timeouts:
    """All in seconds."""

    connect: float = 5.0
    response: float = 60.0
    idle: float = 75.0
    header: float = 10.0
    body: float = 30.0
    linger: float = 0.0
    shutdown: float = 30.0

    @property
    def to_stop(self) -> float:
        """How long a gateway may take to end once it is told to."""
        return self.linger + self.shutdown


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections at once; bytes of a request's head; bytes of its body (None: any).

    ``body_rate``: bytes a second that a body has to come at, over ``timeouts.body``.
    """

    connections: int = 10_000
    header_bytes: int = 32_768
    body_bytes: int | None = None
    body_rate: int = 100


@dataclass(frozen=True, slots=True)
class Drain:
    """In seconds: ``grace`` until endless exchanges are closed; ``orphans``, for how long an
    exchange counts whose end cannot be seen.
    """

    grace: float = 10.0
    orphans: float = 300.0


class OnAppDown(StrEnum):
    """What becomes of a request while the app cannot be reached."""

    ERROR = "error"
    HOLD = "hold"


class LogFormat(StrEnum):
    """What a line of the access log looks like."""

    JSON = "json"
    COMMON = "common"
    COMBINED = "combined"


@dataclass(frozen=True, slots=True)
class AccessLog:
    """A line for each answered request. ``path`` None: to the standard output."""

    path: Path | None
    format: LogFormat = LogFormat.JSON


class Role(StrEnum):
    """What a token's bearer may do: a viewer reads, an operator flips as well."""

    VIEWER = "viewer"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Token:
    name: str
    secret: Secret
    role: Role


@dataclass(frozen=True, slots=True)
class Toggle:
    """The toggle endpoint: whoever has the ``key`` turns the ``flag`` on and off at ``path``."""

    path: str
    key: Secret
    flag: str


@dataclass(frozen=True, slots=True)
class Control:
    """The control listener. ``listen`` None: none. ``tokens`` empty: loopback only.

    ``hosts``: the names that it may be called by, beside its own. ``path`` and ``toggle`` are
    what of it is on the public port, too.
    """

    listen: Address | None = field(default_factory=lambda: Address("127.0.0.1", 9090))
    tokens: tuple[Token, ...] = ()
    metrics_token: Secret | None = None
    hosts: tuple[HostPattern, ...] = ()
    path: str | None = None
    toggle: Toggle | None = None

    @property
    def on_public_port(self) -> tuple[str, ...]:
        """The paths of the public port that are the control plane's."""
        return tuple(filter(None, (self.path, self.toggle.path if self.toggle else None)))


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate chain and its private key: PEM files, as they were when they were read.

    ``names`` are the hosts that it is for, ``digest`` is of both files, and ``context`` serves it.
    """

    cert: Path
    key: Path
    names: tuple[str, ...]
    digest: bytes
    context: ssl.SSLContext = field(compare=False, repr=False)

    @property
    def files(self) -> tuple[Path, ...]:
        return self.cert, self.key


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS of the public listener. The first certificate is for names that no other is for.

    ``context`` takes the handshakes; it chooses among all certificates.
    """

    certificates: tuple[Certificate, ...]

    @property
    def context(self) -> ssl.SSLContext:
        return self.certificates[0].context

    @property
    def files(self) -> tuple[Path, ...]:
        return tuple(path for each in self.certificates for path in each.files)


@dataclass(frozen=True, slots=True)
class UpstreamTls:
    """TLS to the app. ``server_name`` is the name asked for and verified; None: the host's.

    ``files`` are those that it was read from, with the ``digest`` of what was in them.
    """

    server_name: str | None
    verify: bool
    files: tuple[Path, ...]
    digest: bytes
    context: ssl.SSLContext = field(compare=False, repr=False)


class WebhookFormat(StrEnum):
    """What a webhook's receiver reads."""

    JSON = "json"
    SLACK = "slack"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Who is told of what happens. ``url`` may be a secret by itself, as Slack's are.

    ``secret`` signs (None: nothing does). ``events`` are told, of ``flags`` (empty: all of them).
    ``label`` says which gateway it is. ``timeout`` and ``retry_for`` are seconds: of one try, and
    from the event to the last try.
    """

    name: str
    url: Secret
    format: WebhookFormat = WebhookFormat.JSON
    secret: Secret | None = None
    events: frozenset[Group] = frozenset(Group)
    flags: frozenset[str] = frozenset()
    label: str | None = None
    timeout: float = 10.0
    retry_for: float = 3600.0


@dataclass(frozen=True, slots=True)
class Settings:
    """One whole, valid configuration. ``path`` is the YAML it came from, if any.

    ``listen_mode`` are the permissions of a Unix socket; None: what the umask leaves.
    ``proxy_protocol`` names who begins each connection with a PROXY header. ``upstream_tls`` is
    there exactly if the upstream is ``https``. ``secret_files`` are those that variables name
    (``GATEWAY_CONTROL_TOKEN_FILE``), beside the YAML at ``path``. ``app_starts``: together with
    the gateway, which its command line says and no key.
    """

    upstream: Address
    listen: Address = DEFAULT_LISTEN
    listen_mode: int | None = None
    tls: Tls | None = None
    proxy_protocol: tuple[Network, ...] = ()
    upstream_tls: UpstreamTls | None = None
    workers: int = 1
    trusted_proxies: tuple[Network, ...] = ()
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    control: Control = field(default_factory=Control)
    drain: Drain = field(default_factory=Drain)
    on_app_down: OnAppDown = OnAppDown.ERROR
    hold: HoldTerms = field(default_factory=HoldTerms)
    store: str = field(default="sqlite:gateway.db", repr=False)  # may hold a password
    ttl: float = 300.0
    allow: Exemptions = field(default_factory=Exemptions)
    page: Page = field(default_factory=Page)
    cors_origins: tuple[str, ...] = ()  # as browsers write them, or "*"
    flags: tuple[Flag, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    access_log: AccessLog | None = None
    path: Path | None = None
    secret_files: tuple[Path, ...] = field(default=(), repr=False)
    app_starts: bool = False

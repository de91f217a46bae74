"""Forward-auth: the decision alone, for a proxy that moves the bytes itself.

Theory of operation. The proxy asks about each request and lets it through on a 2xx. Proxies that
hand on any other answer as it is get the page that the visitor would have got from the public
port. nginx' ``auth_request`` knows but 2xx, 401 and 403, and Envoy takes a 5xx for a check that
failed: they get the same with status 403, and have their own ways to make a 503 of it.

What takes bytes cannot be done here, and the page is the answer then: requests are not held
(mode ``hold``), and no credentials are taken out of them (``anonymous``).
"""

from __future__ import annotations

from enum import StrEnum

from aiohttp import web

from gateway.control.forwarded import read_checked, read_forwarded
from gateway.control.problems import Problem
from gateway.control.services import SERVICES, Services
from gateway.core.decision import (
    Decision,
    Forward,
    HeldBack,
    Hold,
    Reason,
    Refuse,
    decide,
    must_ask,
)
from gateway.core.flags import Mode
from gateway.core.request import Facts
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.pages.wishes import Wishes

ENVOY = "/auth/envoy"  # its ``path_prefix``
ENVOY_PATTERN = ENVOY + "{target:(?s:.*)}"

WISHES = web.AppKey("wishes", Wishes)


class Dialect(StrEnum):
    """Who asks. ``Accept`` and the other fields of the visitor say what they get to read."""

    TRAEFIK = "traefik"
    CADDY = "caddy"
    HAPROXY = "haproxy"
    NGINX = "nginx"
    ENVOY = "envoy"

    @property
    def denied(self) -> int | None:
        """The status of a refusal; None: the page's own."""
        return 403 if self in {Dialect.NGINX, Dialect.ENVOY} else None


async def forward_auth(request: web.Request) -> web.Response:
    """200: let it through; else what its visitor is to get."""
    facts = read_forwarded(request, request.app[SERVICES].state.settings)
    return await _answer(request, facts, _dialect(request))


async def check_for_envoy(request: web.Request) -> web.Response:
    """The same for Envoy's ext_authz, which puts what it asks about into the call's own line."""
    facts = read_checked(request, request.app[SERVICES].state.settings, ENVOY)
    return await _answer(request, facts, Dialect.ENVOY)


async def show_page(request: web.Request) -> web.Response:
    """What its visitor is to get, for a proxy that has been told 403. Never a 2xx.

    The flag may have been lifted since: then the page says to come again at once.
    """
    services = request.app[SERVICES]
    facts = read_forwarded(request, services.state.settings)
    decision, snapshot = await _decided(services, facts)
    held = _held(decision, snapshot)
    if held is not None:
        return _as_response(_page(request, facts, held, snapshot))
    wish = services.pages().wish(request.app[WISHES].of(facts.fields), facts)
    said = "The maintenance has just ended. Please open this page again."
    return _as_response(services.pages().error(503, "Just a moment", said, wish))


async def _answer(request: web.Request, facts: Facts, dialect: Dialect) -> web.Response:
    services = request.app[SERVICES]
    decision, snapshot = await _noted(services, facts)
    held = _held(decision, snapshot)
    if held is None:
        services.tally.ask("forward")
        return web.Response(text="", headers=_told(decision, snapshot))
    services.tally.ask("refuse")
    services.tally.refuse(held.flag)
    return _as_response(_page(request, facts, held, snapshot), dialect.denied)


async def _noted(services: Services, facts: Facts) -> tuple[Decision, Snapshot]:
    """The decision. One to forward is made after the drains can know of it, never before."""
    while True:
        decision, snapshot = await _decided(services, facts)
        if _held(decision, snapshot) is not None or services.barrier is None:
            return decision, snapshot
        elsewhere = services.barrier.elsewhere
        flags = elsewhere.unnoted(facts, snapshot.rules)
        if not flags:
            return decision, snapshot
        await elsewhere.note(flags)


async def _decided(services: Services, facts: Facts) -> tuple[Decision, Snapshot]:
    """As the public port decides: a flag with TTL 0 has the store asked first."""
    snapshot = services.state.current()
    if snapshot.asks and must_ask(facts, snapshot):
        snapshot = await services.state.fresh()
    return decide(facts, snapshot, services.clock()), snapshot


def _held(decision: Decision, snapshot: Snapshot) -> HeldBack | None:
    """What holds the request back here, which may be more than would over the public port."""
    match decision:
        case Refuse() | Hold():
            return decision
        case Forward(Reason.OWN_PATH):
            # Nobody put a notice into a page that asks for it, and no flag was asked about it.
            raise Problem(404, "This path is the gateway's own, and is not for the app.")
        case Forward():
            stripped = _applying(decision, snapshot, Mode.ANONYMOUS)
            return Refuse(stripped[0], Reason.ANONYMOUS) if stripped else None


def _told(decision: Decision, snapshot: Snapshot) -> dict[str, str]:
    """What the other proxy may pass on: notices to the app, a bypass to the visitor."""
    told = {
        "X-Maintenance-Notice": _applying(decision, snapshot, Mode.NOTICE),
        "X-Maintenance-Bypass": decision.bypassed if isinstance(decision, Forward) else (),
    }
    return {name: ", ".join(flags) for name, flags in told.items() if flags}


def _applying(decision: Decision, snapshot: Snapshot, mode: Mode) -> list[str]:
    names = decision.applying if isinstance(decision, Forward) else ()
    return [name for name in names if snapshot.by_name[name].state.mode is mode]


def _page(request: web.Request, facts: Facts, held: HeldBack, snapshot: Snapshot) -> Answer:
    pages = request.app[SERVICES].pages()
    wish = pages.wish(request.app[WISHES].of(facts.fields), facts)
    safe = facts.method in {b"GET", b"HEAD"}
    return pages.refusal(snapshot.by_name[held.flag], wish, held.reason, safe=safe)


def _as_response(made: Answer, status: int | None = None) -> web.Response:
    fields = {name: value for name, value in made.fields.items() if name != "Content-Length"}
    return web.Response(status=status or made.status, body=made.body, headers=fields)


def _dialect(request: web.Request) -> Dialect:
    said = request.query.getall("dialect", [Dialect.TRAEFIK])
    known = ", ".join(Dialect)
    if len(said) != 1 or said[0] not in set(Dialect):
        raise Problem(400, f"dialect must be one of {known}, once.")
    return Dialect(said[0])

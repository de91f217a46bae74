"""Who did what, when and why; and the calls that were turned away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from cachetools import TTLCache

from gateway.control.documents import Document, answer, moment
from gateway.control.problems import Problem, Refusal, shown
from gateway.control.services import SERVICES, Services
from gateway.core.addresses import block
from gateway.stores.base import AuditEntry, StoreError

LIMIT = 100  # entries, where the caller does not say
MOST = 1000
LAST = 10**18  # beyond any entry's id
AT_FIRST = 60  # refusals
ONE_MORE = 600.0  # seconds

_log = logging.getLogger("gateway.control")


async def show_audit(request: web.Request) -> web.Response:
    """The newest entries first; ``before`` goes further back."""
    limit = _number(request, "limit", LIMIT, MOST)
    before = _number(request, "before", None, LAST)
    return answer(await audit_document(request.app[SERVICES], limit or LIMIT, before))


async def audit_document(services: Services, limit: int, before: int | None = None) -> Document:
    """The newest ``limit`` entries, those before an id if one is given. Raises StoreError."""
    entries = await services.state.audit(limit, before)
    return {"entries": [_entry_document(entry) for entry in entries]}


class RefusalRate:
    """Lets one refusal of a kind and a peer a minute into the audit, and so many in all.

    Anybody who reaches the port can be refused. What they can make the store write is bounded,
    and so is how much of what others did they can push out of it: the audit keeps 10,000 entries,
    and at one in ten minutes that takes more than two months.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._noted: TTLCache[tuple[str, int, str], None] = TTLCache(AT_FIRST, 60.0, clock)
        self._left, self._since = float(AT_FIRST), clock()
        self._passed_over = 0

    def takes(self, peer: str, status: int, by: str) -> int | None:
        """How many were not taken since the last one that was; None: nor is this one."""
        now = self._clock()
        self._left = min(AT_FIRST, self._left + (now - self._since) / ONE_MORE)
        self._since = now
        key = (block(peer), status, by)
        if key in self._noted or self._left < 1:
            self._passed_over += 1
            return None
        self._left -= 1
        self._noted[key] = None
        passed_over, self._passed_over = self._passed_over, 0
        return passed_over


REFUSAL_RATE = web.AppKey("refusal_rate", RefusalRate)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Notes refused calls in the audit and lets the refusal go on."""
    try:
        return await handler(request)
    except Refusal as refusal:
        passed_over = request.app[REFUSAL_RATE].takes(
            request.remote or "", refusal.status, refusal.by
        )
        if passed_over is not None:
            await _note(request, refusal, passed_over)
        raise


async def _note(request: web.Request, refusal: Refusal, passed_over: int) -> None:
    services = request.app[SERVICES]
    named = services.state.snapshot.view(request.match_info.get("flag", ""))
    call = f"{request.method} {shown(request.path)} from {request.remote or 'a Unix socket'}"
    others = f" ({passed_over} refusals before it were not noted)" if passed_over else ""
    entry = AuditEntry(
        at=services.clock(),
        by=refusal.by,
        action="refused",
        flag=named.flag.name if named is not None else "",
        reason=f"{refusal.status} {call}: {refusal.detail}{others}",
        revision=services.state.snapshot.revision,
    )
    _log.warning("refused: %s", entry.reason)
    try:
        await services.state.record(entry)
    except StoreError as error:
        _log.warning("a refused call could not be recorded: %s", error)


def _number(request: web.Request, name: str, default: int | None, most: int) -> int | None:
    text = request.query.get(name)
    if text is None:
        return default
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 20 else 0
    if not 1 <= number <= most:
        raise Problem(400, f"{name} must be a whole number from 1 to {most}.")
    return number


def _changes(changes: Mapping[str, object] | None) -> Document | None:
    if changes is None:
        return None
    until = changes.get("until")
    told = {"until": moment(until)} if isinstance(until, int | float) else {}
    return {**changes, **told}


def _entry_document(entry: AuditEntry) -> Document:
    return {
        "id": entry.id,
        "at": moment(entry.at),
        "by": entry.by,
        "action": entry.action,
        "flag": entry.flag,
        "reason": entry.reason,
        "changes": _changes(entry.changes),
        "revision": entry.revision,
    }

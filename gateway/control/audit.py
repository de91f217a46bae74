"""Who did what, when and why; and the calls that were turned away."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

from aiohttp import web
from aiohttp.typedefs import Handler
from cachetools import TTLCache

from gateway.control.documents import Document, answer, moment
from gateway.control.problems import Problem, Refusal, shown
from gateway.control.services import SERVICES
from gateway.stores.base import AuditEntry, StoreError

LIMIT = 100  # entries, where the caller does not say
MOST = 1000
LAST = 10**18  # beyond any entry's id
REFUSALS_A_MINUTE = 60

_log = logging.getLogger("gateway.control")


async def show_audit(request: web.Request) -> web.Response:
    """The newest entries first; ``before`` goes further back."""
    limit = _number(request, "limit", LIMIT, MOST)
    before = _number(request, "before", None, LAST)
    entries = await request.app[SERVICES].state.audit(limit or LIMIT, before)
    return answer({"entries": [_entry_document(entry) for entry in entries]})


class RefusalRate:
    """Lets one refusal of a kind and a peer a minute into the audit, and so many in all.

    Anybody who reaches the port can be refused; what they can make the store write is bounded.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._noted: TTLCache[tuple[str, int, str], None] = TTLCache(REFUSALS_A_MINUTE, 60.0, clock)

    def takes(self, peer: str, status: int, by: str) -> bool:
        self._noted.expire()
        key = (peer, status, by)
        if key in self._noted or len(self._noted) >= REFUSALS_A_MINUTE:
            return False
        self._noted[key] = None
        return True


REFUSAL_RATE = web.AppKey("refusal_rate", RefusalRate)


@web.middleware
async def refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Notes refused calls in the audit and lets the refusal go on."""
    try:
        return await handler(request)
    except Refusal as refusal:
        if request.app[REFUSAL_RATE].takes(request.remote or "", refusal.status, refusal.by):
            await _note(request, refusal)
        raise


async def _note(request: web.Request, refusal: Refusal) -> None:
    services = request.app[SERVICES]
    named = services.state.snapshot.view(request.match_info.get("flag", ""))
    call = f"{request.method} {shown(request.path)} from {request.remote or 'a Unix socket'}"
    entry = AuditEntry(
        at=services.clock(),
        by=refusal.by,
        action="refused",
        flag=named.flag.name if named is not None else "",
        reason=f"{refusal.status} {call}: {refusal.detail}",
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

"""The pages that show: all flags, one flag, the audit, and what becomes of a request.

They show what the API answers, and know nothing beside it.
"""

from __future__ import annotations

from typing import Any

from aiohttp import web
from multidict import MultiDict

from gateway.control.audit import audit_document
from gateway.control.dashboard.listing import listing
from gateway.control.dashboard.rendering import page
from gateway.control.explain import explanation, read_facts
from gateway.control.flags import find_flag, flag_documents
from gateway.control.problems import Problem
from gateway.control.services import SERVICES
from gateway.control.status import status_document
from gateway.core.flags import Mode
from gateway.stores.base import StoreError

LATEST = 8  # entries of the audit beside the flags
ENTRIES = 50  # on a page of it
_LAST = 10**18


async def show_overview(request: web.Request) -> web.Response:
    """All flags, how the gateway is, and what was done last."""
    services = request.app[SERVICES]
    snapshot = services.state.snapshot
    named = [(view.flag.name, at) for at, view in enumerate(snapshot.views)]
    flags = listing(named, request.query.get("q", ""), request.query.get("page", ""))
    documents = await flag_documents(services, snapshot, flags.shown)
    return page(
        request,
        "overview",
        flags=flags,
        documents=documents,
        status=await status_document(services),
        entries=await _entries(request, LATEST),
        done=_done(request),
        done_flag=request.query.get("flag", ""),
    )


async def show_flag_page(request: web.Request) -> web.Response:
    """One flag in full, with all that can be changed of it."""
    services = request.app[SERVICES]
    snapshot = services.state.snapshot
    view = find_flag(snapshot, request.match_info["flag"])
    (flag,) = await flag_documents(services, snapshot, [snapshot.views.index(view)])
    users = [(user, user) for user in view.state.users]
    status = await status_document(services)
    guards: Any = status["guards"]
    return page(
        request,
        "flag",
        flag=flag,
        users=listing(users, request.query.get("q", ""), request.query.get("page", "")),
        guards=[guard for guard in guards if guard["flag"] == view.flag.name],
        modes=[mode.value for mode in Mode if mode is not Mode.ANONYMOUS or view.flag.strip],
        on=status["on"],
        revision=snapshot.revision,
        done=_done(request),
    )


async def show_audit_page(request: web.Request) -> web.Response:
    """Who did what, when and why, the newest first."""
    text = request.query.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    document: dict[str, Any] = await audit_document(
        request.app[SERVICES], ENTRIES + 1, before or None
    )
    entries = document["entries"]
    older = entries[ENTRIES - 1]["id"] if len(entries) > ENTRIES else None
    return page(request, "audit", entries=entries[:ENTRIES], older=older, before=before)


async def show_explain_page(request: web.Request) -> web.Response:
    """The form, and what it was asked, answered. A request that is none is told what is wrong."""
    asked = MultiDict(request.query)
    lines = asked.popall("header", [])
    for line in "\n".join(lines).splitlines():
        if line.strip():
            asked.add("header", line.strip())
    answered, error = None, ""
    if asked.get("url"):
        try:
            answered = await explanation(request.app[SERVICES], read_facts(asked))
        except Problem as problem:
            error = problem.detail
    said = {key: request.query.get(key, "") for key in ("url", "method", "client")}
    return page(
        request, "explain", asked={**said, "header": "\n".join(lines)}, answer=answered, error=error
    )


async def _entries(request: web.Request, limit: int) -> list[Any] | None:
    try:
        document: dict[str, Any] = await audit_document(request.app[SERVICES], limit)
    except StoreError:
        return None
    entries: list[Any] = document["entries"]
    return entries


def _done(request: web.Request) -> str:
    return request.query.get("done", "")

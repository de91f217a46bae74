"""Guards: who runs a command behind which flag, and that they still do.

A guard of a flag as a whole and one of a single user of it exclude each other: the first may
hold any user. So before one is granted all of the flag are looked at, and again after it was
written: of two that come at the same moment both may be refused, but never both granted.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import web

from gateway.control.auth import actor
from gateway.control.bodies import JSON, read_choice, read_object, read_text
from gateway.control.documents import Document, answer, moment
from gateway.control.flags import find_flag
from gateway.control.members import barrier
from gateway.control.problems import Problem, invalid, shown
from gateway.control.services import SERVICES, Services
from gateway.control.shapes import LONGEST_OWNER
from gateway.control.users import optional_user
from gateway.state.guard_entries import guard_entry
from gateway.state.guards import AlreadyGuarded, Guarding, Guards, UnknownGuard
from gateway.stores.base import StoreError

LONGEST_COMMAND = 1000
STATES = ("arming", "guarding", "lifting")
MOST_STATUS = 255

_ABOUT = ("command", "host", "before")
_NEWS = ("state", "progress", "before")
_END = ("status", "message", "left_on", "progress")

_log = logging.getLogger("gateway.control")


async def list_guards(request: web.Request) -> web.Response:
    """All guards, the abandoned too."""
    guards = [_document(each) for each in await barrier(request).guards.all()]
    revision = request.app[SERVICES].state.snapshot.revision
    return answer({"revision": revision, "guards": guards}, revision)


async def acquire_guard(request: web.Request) -> web.Response:
    """Guards a flag, for one user if one is named: 201, or 409 with who does already."""
    view = find_flag(request.app[SERVICES].state.snapshot, request.match_info["flag"])
    document = await read_object(request, ("user", "owner", "take_over", *_ABOUT), JSON)
    user = optional_user(view, document)
    owner = _owner(document)
    about = {**_checked(document, _ABOUT), "by": actor(request)}
    guards = barrier(request).guards
    if read_choice(document, "take_over"):
        about |= await _take_over(guards, view.flag.name, user, owner)
    try:
        guarding = await _acquire(guards, view.flag.name, user, owner, about)
    except AlreadyGuarded as already:
        raise _guarded(already.guarding) from already
    await _note(request, guarding, "started")
    return _granted(request, guarding, 201)


async def renew_guard(request: web.Request) -> web.Response:
    """The guard's heartbeat, with what it has to tell."""
    document = await read_object(request, _NEWS, JSON) if request.can_read_body else {}
    news = _checked(document, _NEWS)
    guards, owner = barrier(request).guards, await _find(request)
    try:
        return _granted(request, await guards.heartbeat(owner, news), 200)
    except UnknownGuard as error:
        raise _unknown(owner) from error


async def release_guard(request: web.Request) -> web.Response:
    """Guards no more. What the flag says is left as it is; how it ended goes to the audit."""
    ended = await _read_end(request)
    owner = await _find(request)
    guards = barrier(request).guards
    try:
        guarding = await guards.find(owner)
        await guards.release(owner)
    except UnknownGuard as error:
        raise _unknown(owner) from error
    await _note(request, guarding, _end_of(ended), ended)
    revision = request.app[SERVICES].state.snapshot.revision
    return answer({"id": owner, "revision": revision}, revision)


async def guard_documents(services: Services) -> list[Document]:
    """For status: none where the store is out of reach."""
    if services.barrier is None:
        return []
    with suppress(StoreError):
        return [_document(each) for each in await services.barrier.guards.all()]
    return []


async def _acquire(
    guards: Guards, flag: str, user: str | None, owner: str, about: Mapping[str, object]
) -> Guarding:
    _check_free(await guards.all(), flag, user, owner)
    guarding = await guards.acquire(flag, user, owner, about)
    try:
        _check_free(await guards.all(), flag, user, owner)
    except AlreadyGuarded:
        await guards.release(owner)
        raise
    return guarding


def _check_free(known: Sequence[Guarding], flag: str, user: str | None, owner: str) -> None:
    for each in known:
        if each.id != owner and _excludes(each, flag, user):
            raise AlreadyGuarded(each)


async def _take_over(
    guards: Guards, flag: str, user: str | None, owner: str
) -> Mapping[str, object]:
    # What the dead guard had to put back is the new one's to put back.
    left: dict[str, object] = {}
    for each in await guards.all():
        if each.abandoned and each.id != owner and _excludes(each, flag, user):
            with suppress(UnknownGuard):
                await guards.release(each.id)
            if each.record.document.get("before") is not None:
                left["before"] = each.record.document["before"]
    return left


async def _read_end(request: web.Request) -> dict[str, object]:
    if not request.can_read_body:
        return {}
    document = await read_object(request, _END, JSON)
    ended = {key: document[key] for key in _END if document.get(key) is not None}
    if not _is_count(ended.get("status", 0)) or ended.get("status", 0) > MOST_STATUS:
        raise invalid([("status", f"must be a whole number from 0 to {MOST_STATUS}")])
    read_text(ended, "message", LONGEST_COMMAND)
    read_choice(ended, "left_on")
    _check_progress(ended.get("progress"))
    return ended


def _end_of(ended: Mapping[str, object]) -> str:
    if "status" not in ended:
        return "released"
    return "failed" if ended["status"] or ended.get("left_on") else "finished"


async def _note(
    request: web.Request, guarding: Guarding, state: str, ended: Mapping[str, object] | None = None
) -> None:
    # A guard is not to fail for its entry: the flag's own ones say what was done.
    services = request.app[SERVICES]
    revision = services.state.snapshot.revision
    entry = guard_entry(guarding, state, services.clock(), revision, ended)
    try:
        await services.state.record(entry)
    except StoreError as error:
        _log.warning("a guard that %s could not be recorded: %s", state, error)


def _excludes(guarding: Guarding, flag: str, user: str | None) -> bool:
    return guarding.flag == flag and (None in (user, guarding.user) or guarding.user == user)


async def _find(request: web.Request) -> str:
    # A guard belongs to its flag's address; another flag's is none of it.
    owner, flag = request.match_info["guard"], request.match_info["flag"]
    try:
        found = await barrier(request).guards.find(owner)
    except UnknownGuard as error:
        raise _unknown(owner) from error
    if found.flag != flag:
        raise _unknown(owner)
    return owner


def _owner(document: Mapping[str, Any]) -> str:
    owner = read_text(document, "owner", LONGEST_OWNER)
    if not owner or not owner.isascii() or not owner.isprintable() or "/" in owner or " " in owner:
        raise invalid([("owner", "must be a text that nobody else has, of letters and digits")])
    return owner


def _checked(document: Mapping[str, Any], keys: Sequence[str]) -> dict[str, object]:
    given = {key: document[key] for key in keys if document.get(key) is not None}
    for key in ("command", "host"):
        read_text(given, key, LONGEST_COMMAND)
    if given.get("state", STATES[0]) not in STATES:
        raise invalid([("state", f"must be one of {', '.join(STATES)}")])
    _check_progress(given.get("progress"))
    _check_before(given.get("before"))
    return given


def _check_progress(progress: object) -> None:
    if progress is None:
        return
    counts = [progress.get(key) for key in ("done", "of")] if isinstance(progress, dict) else []
    if len(counts) != 2 or len(progress) != 2 or not all(map(_is_count, counts)):  # type: ignore[arg-type]
        raise invalid([("progress", "must be {done, of}, two whole numbers")])


def _check_before(before: object) -> None:
    if before is None:
        return
    known = {"ttl": (int, float, str), "enabled": (bool,), "was_on": (bool,)}
    if not isinstance(before, dict) or before.keys() - known.keys():
        raise invalid([("before", f"must be an object of {', '.join(known)}")])
    for key, value in before.items():
        if value is not None and not _is_one_of(value, known[key]):
            raise invalid([(f"before.{key}", "is of another type")])


def _is_count(value: object) -> bool:
    # To JSON, 3.0 is as whole a number as 3.
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    return whole and value >= 0  # type: ignore[operator]


def _is_one_of(value: object, kinds: tuple[type, ...]) -> bool:
    # A bool is an int to Python, and to nobody else.
    return isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool))


def _granted(request: web.Request, guarding: Guarding, status: int) -> web.Response:
    revision = request.app[SERVICES].state.snapshot.revision
    response = answer({**_document(guarding), "revision": revision}, revision)
    response.set_status(status)
    return response


def _guarded(guarding: Guarding) -> Problem:
    document = _document(guarding)
    whom = f" for {shown(guarding.user)}" if guarding.user is not None else ""
    said = (
        f"{shown(guarding.flag)}{whom} is guarded by {document.get('by')} since "
        f"{document.get('since')}"
    )
    if guarding.abandoned:
        said += ", and abandoned: make sure that its command has ended, then take it over"
    return Problem(409, f"{said}.", guard=document)


def _unknown(owner: str) -> Problem:
    return Problem(404, f"There is no guard {shown(owner)}: it was taken over, or released.")


def _document(guarding: Guarding) -> Document:
    document = dict(guarding.document())
    since = document.get("since")
    document["since"] = moment(since) if isinstance(since, int | float) else None
    return document

"""Adding users to a per-user flag and taking them off it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web

from gateway.control.auth import actor, guard_of
from gateway.control.bodies import JSON, check_reason, read_object, read_reason
from gateway.control.flags import find_flag, flag_answer
from gateway.control.preconditions import if_match
from gateway.control.problems import Problem, invalid
from gateway.control.services import SERVICES
from gateway.core.flags import Kind
from gateway.core.patches import read_lasts, read_users
from gateway.core.snapshot import FlagView

Users = tuple[str, ...]


async def add_user(request: web.Request) -> web.Response:
    """Holds one user; nothing changes where they are held already."""
    user = _named_user(request)
    return await _change(request, add=(user,), reason=await read_reason(request))


async def remove_user(request: web.Request) -> web.Response:
    """Lets one user go; nothing changes where they are not held."""
    user = _named_user(request)
    return await _change(request, remove=(user,), reason=await read_reason(request))


async def change_users(request: web.Request) -> web.Response:
    """Adds, for good or ``for`` a while, and removes many users in one change."""
    document = await read_object(request, ("add", "remove", "reason", "for"), JSON)
    add = read_users(document.get("add", []), "add")
    remove = read_users(document.get("remove", []), "remove")
    if not add and not remove:
        raise invalid([("", 'must name somebody under "add" or "remove"')])
    if both := sorted(set(add) & set(remove)):
        raise invalid([("remove", f"also added: {', '.join(both[:10])}")])
    reason, lasts = check_reason(document.get("reason", "")), read_lasts(document.get("for"))
    if lasts is not None and remove:
        raise invalid([("for", 'goes with "add" alone: removing users is for good')])
    return await _change(request, add=add, remove=remove, reason=reason, lasts=lasts)


async def _change(
    request: web.Request,
    *,
    add: Users = (),
    remove: Users = (),
    reason: str,
    lasts: float | None = None,
) -> web.Response:
    state = request.app[SERVICES].state
    view = find_flag(state.snapshot, request.match_info["flag"])
    require_user_flag(view)
    snapshot = await state.change_users(
        view.flag.name,
        add=add,
        remove=remove,
        by=actor(request),
        reason=reason,
        if_match=if_match(request, state.snapshot.revision),
        lasts=lasts,
        guard=await guard_of(request, view.flag.name),
    )
    return await flag_answer(request, snapshot)


def require_user_flag(view: FlagView) -> None:
    """409 for a flag that does not tell users apart."""
    if view.flag.kind is not Kind.USER:
        raise Problem(
            409,
            f'The flag "{view.flag.name}" is for everybody: it has no "user" in the YAML, '
            "so it can hold no single one.",
        )


def optional_user(view: FlagView, document: Mapping[str, Any]) -> str | None:
    """The ``user`` of a body, None where it names none; 422 and 409 where it cannot be one."""
    if document.get("user") is None:
        return None
    user = read_users([document["user"]], "user")[0]
    require_user_flag(view)
    return user


def _named_user(request: web.Request) -> str:
    # Read from the path as it came: the router's own decoding cannot tell %2F from %252F.
    segment = request.rel_url.raw_path.rpartition("/")[2]
    try:
        user = unquote_to_bytes(segment).decode()
    except UnicodeDecodeError as error:
        raise Problem(400, "The user in the path is not percent-encoded UTF-8.") from error
    return read_users([user], "user")[0]

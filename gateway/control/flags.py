"""Showing and flipping flags."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from aiohttp import web

from gateway.control.auth import actor, guard_of
from gateway.control.bodies import JSON, MERGE_PATCH, read_json, read_reason
from gateway.control.documents import Document, answer, flag_document
from gateway.control.preconditions import if_match
from gateway.control.problems import Problem, shown
from gateway.control.services import SERVICES, Services
from gateway.core.gated import GatedRule
from gateway.core.patches import read_patch
from gateway.core.snapshot import FlagView, Snapshot


async def list_flags(request: web.Request) -> web.Response:
    """Every flag, in the order they are evaluated."""
    services = request.app[SERVICES]
    snapshot = services.state.snapshot
    return answer(await flags_document(services, snapshot), snapshot.revision)


async def flags_document(services: Services, snapshot: Snapshot) -> Document:
    """All flags of ``snapshot`` and what each is about now."""
    flags = await flag_documents(services, snapshot, range(len(snapshot.views)))
    return {"revision": snapshot.revision, "flags": flags}


async def flag_documents(
    services: Services, snapshot: Snapshot, places: Sequence[int]
) -> list[Document]:
    """The flags of ``snapshot`` at these places, which are in order."""
    rules = [snapshot.rules[place] for place in places]
    counts = await services.concerned(rules)
    page, held, now = services.state.settings.page, services.held(), services.clock()
    views = [snapshot.views[place] for place in places]
    return [
        flag_document(
            view, count, held.get(view.flag.name, 0), page, now, links=isinstance(rule, GatedRule)
        )
        for view, rule, count in zip(views, rules, counts, strict=True)
    ]


async def show_flag(request: web.Request) -> web.Response:
    """One flag."""
    return await flag_answer(request, request.app[SERVICES].state.snapshot)


async def patch_flag(request: web.Request) -> web.Response:
    """Flips: a merge patch of the keys that an override may have."""
    state = request.app[SERVICES].state
    view = find_flag(state.snapshot, request.match_info["flag"])
    patch = read_patch(await read_json(request, MERGE_PATCH, JSON))
    expected = if_match(request, state.snapshot.revision)
    by, guard = actor(request), await guard_of(request, view.flag.name)
    after = await state.flip(view.flag.name, patch, by=by, if_match=expected, guard=guard)
    return await flag_answer(request, after)


async def drop_override(request: web.Request) -> web.Response:
    """Back to what the YAML says."""
    state = request.app[SERVICES].state
    view = find_flag(state.snapshot, request.match_info["flag"])
    reason = await read_reason(request)
    expected = if_match(request, state.snapshot.revision)
    after = await state.reset(view.flag.name, by=actor(request), reason=reason, if_match=expected)
    return await flag_answer(request, after)


async def flag_answer(request: web.Request, snapshot: Snapshot) -> web.Response:
    """The flag that the path names as it is in ``snapshot``, with its revision."""
    view = find_flag(snapshot, request.match_info["flag"])
    rule = snapshot.rule(view.flag.name)
    assert rule is not None  # noqa: S101 every view has one
    services = request.app[SERVICES]
    (count,) = await services.concerned((rule,))
    held = services.held().get(view.flag.name, 0)
    page, links = services.state.settings.page, isinstance(rule, GatedRule)
    document = flag_document(view, count, held, page, services.clock(), links=links)
    return answer({**document, "revision": snapshot.revision}, snapshot.revision)


def find_flag(snapshot: Snapshot, name: str) -> FlagView:
    """The flag of that name; 404 with the names that come near it otherwise."""
    view = snapshot.view(name)
    if view is not None:
        return view
    names = [view.flag.name for view in snapshot.views]
    near = get_close_matches(name[:200], names, 3, 0.7)
    hint = f" Did you mean {' or '.join(map(shown, near))}?" if near else ""
    raise Problem(404, f"There is no flag {shown(name)}.{hint}", did_you_mean=near)

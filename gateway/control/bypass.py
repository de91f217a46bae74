"""Links past a flag: made for a while, and revoked.

The token is in the answer that made it and nowhere else: not in the store, the audit or the log.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, urlencode

from aiohttp import web

from gateway.control.auth import actor
from gateway.control.bodies import JSON, check_reason, read_object, read_reason, read_text
from gateway.control.documents import answer, moment
from gateway.control.flags import find_flag, flag_answer
from gateway.control.preconditions import if_match
from gateway.control.problems import Problem, invalid
from gateway.control.services import SERVICES
from gateway.control.shapes import LANDING, PASS
from gateway.core.gated import GatedRule
from gateway.core.passes import OWN_PATHS, Gate
from gateway.core.patches import read_lasts
from gateway.core.snapshot import Snapshot
from gateway.stores.base import AuditEntry

_LONGEST = 2048
_LANDING, _PASS = (re.compile(str(shape["pattern"]), re.ASCII) for shape in (LANDING, PASS))


async def make_link(request: web.Request) -> web.Response:
    """A link past a flag, whether that is on or not. The audit notes who made it, first."""
    services, name = request.app[SERVICES], request.match_info["flag"]
    find_flag(services.state.snapshot, name)
    document = await read_object(request, ("for", "url", "reason"), JSON)
    lasts = read_lasts(document.get("for"))
    if lasts is None:
        raise invalid([("for", "is missing: how long the link is valid, such as 2h")])
    site, path = _landing(document)
    reason = check_reason(document.get("reason", ""))
    snapshot = await services.state.fresh()  # what was revoked elsewhere until now, too
    token, made = _gate(snapshot, name).issue(lasts)
    entry = AuditEntry(
        at=services.clock(),
        by=actor(request),
        action="bypass",
        flag=name,
        reason=reason,
        changes={"id": made.id, "until": made.expires},
        revision=snapshot.revision,
    )
    await services.state.record(entry)
    query = urlencode({"token": token, "to": path})
    link = {
        "flag": name,
        "id": made.id,
        "url": f"{site}{OWN_PATHS.decode()}{quote(name, safe='')}?{query}",
        "token": token,
        "expires": moment(made.expires),
        "revision": snapshot.revision,
    }
    response = answer(link, snapshot.revision)
    response.set_status(201)
    return response


async def revoke_links(request: web.Request) -> web.Response:
    """Makes every link past a flag that there is worth nothing, or the one of an id."""
    state = request.app[SERVICES].state
    name = request.match_info["flag"]
    find_flag(state.snapshot, name)
    one = request.query.get("id")
    if one is not None and not _PASS.fullmatch(one):
        raise Problem(400, "id must be the id of a link, as it was told when that was made.")
    reason = await read_reason(request)
    expected = if_match(request, state.snapshot.revision)
    by = actor(request)
    after = await state.revoke_passes(name, one, by=by, reason=reason, if_match=expected)
    return await flag_answer(request, after)


def _gate(snapshot: Snapshot, name: str) -> Gate:
    rule = snapshot.rule(find_flag(snapshot, name).flag.name)
    if isinstance(rule, GatedRule):
        return rule.gate
    raise Problem(
        409,
        f'The flag "{name}" has no key that signs links: set allow.key, for it or for the site, '
        "in the YAML.",
    )


def _landing(document: dict[str, Any]) -> tuple[str, str]:
    """The site, "" where none is named, and the path that a link leads to."""
    url = read_text(document, "url", _LONGEST) or ""
    found = _LANDING.fullmatch(url)
    if found is None:
        raise invalid([("url", "must be a path, or an http(s) address, of visible ASCII")])
    return found[1] or "", found[2] or "/"

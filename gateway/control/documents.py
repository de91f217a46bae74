"""Flags, moments and answers as the JSON that callers see."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from aiohttp import web

from gateway.control.preconditions import etag
from gateway.core.flags import FlagState, Identity, Page, Scope, Trigger
from gateway.core.overrides import Override
from gateway.core.snapshot import FlagView
from gateway.core.standing import FIELDS, armed
from gateway.core.windows import Occurrence
from gateway.pages.wording import retry_after

Document = dict[str, object]


def answer(document: Mapping[str, object], revision: int | None = None) -> web.Response:
    """200 with JSON for programs and people alike; ``ETag`` where a revision is told."""
    text = json.dumps(document, ensure_ascii=False, indent=2) + "\n"
    response = web.Response(text=text, content_type="application/json")
    if revision is not None:
        response.headers["ETag"] = etag(revision)
    return response


def flag_document(
    view: FlagView, in_flight: int, held: int, site: Page, now: float, *, links: bool
) -> Document:
    """One flag as it holds now, and beside it what the YAML says alone (``yaml``).

    ``in_flight`` is how many exchanges under way it is about, ``held`` how many requests wait
    for it; ``site`` is the page of the site, ``now`` seconds since the epoch; ``links``: there may
    be some past it.
    """
    flag, state = view.flag, view.state
    lift = view.override.lift if view.override is not None else None
    return {
        "flag": flag.name,
        "kind": flag.kind.value,
        **_state_document(state),
        "on": view.is_on,
        "scope": _scope_document(flag.scope),
        "window": _window_document(view),
        "from": view.origin,
        "since": moment(view.since),
        "by": view.by,
        "reason": view.reason,
        "until": moment(lift.at if lift is not None else view.until),
        "in_flight": in_flight,
        "held": held,
        "description": flag.description,
        "strict": flag.strict,
        "max": None if flag.longest is None else _number(flag.longest),
        "bypass": links,
        "notice": {"banner": flag.notice.banner, "hide": list(flag.notice.hide)},
        "strip": {"cookies": list(flag.strip.cookies), "headers": list(flag.strip.headers)},
        "source": _source_document(flag.trigger),
        "identity": _identity_document(flag.identity),
        "page": {
            "title": flag.page.title,
            "message": state.message,
            "retry_after": retry_after(view, site, now),
        },
        "yaml": _yaml_document(flag.state),
        "override": _override_document(view.override),
    }


def moment(at: float | None) -> str | None:
    """Seconds since the epoch as RFC 3339 in UTC: ``2030-01-31T12:00:00.000Z``."""
    if at is None:
        return None
    text = datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def _state_document(state: FlagState) -> Document:
    return {
        "mode": state.mode.value,
        "enabled": state.enabled,
        "users": list(state.users),
        "rollout": _number(state.rollout),
        "ttl": _number(state.ttl),
    }


def _yaml_document(state: FlagState) -> Document:
    window = None if state.window is None else state.window.document()
    told = {**_state_document(state), "enabled": armed(state), "window": window}
    return {**told, "page": _page_document(state)}


def _override_document(override: Override | None) -> Document | None:
    if override is None:
        return None
    return {key: value for key, value in override.values.items() if key in FIELDS}


def _window_document(view: FlagView) -> Document | None:
    """The window as it is written, and when it is: now, next, and whether that is announced.

    ``holds``: it alone has the flag on.
    """
    window, phase = view.state.window, view.phase
    if window is None or phase is None:
        return None
    return {
        **window.document(),
        "text": str(window),
        "now": _occurrence_document(phase.current),
        "next": _occurrence_document(phase.coming),
        "holds": view.by_window,
        "announced": view.announced is not None,
    }


def _occurrence_document(occurrence: Occurrence | None) -> Document | None:
    if occurrence is None:
        return None
    return {"start": moment(occurrence.start), "end": moment(occurrence.end)}


def _page_document(state: FlagState) -> Document:
    return {"message": state.message, "retry_after": state.retry_after}


def _scope_document(scope: Scope) -> Document:
    return {
        "hosts": [host.text for host in scope.hosts],
        "paths": [path.text for path in scope.paths],
        "methods": sorted(scope.methods),
    }


def _source_document(trigger: Trigger | None) -> Document | None:
    if trigger is None:
        return None
    return {"file": trigger.file, "on": trigger.on, "valid": not trigger.errors}


def _identity_document(identity: Identity | None) -> Document | None:
    if identity is None:
        return None
    return {
        "sources": [{source.place: source.name} for source in identity.sources],
        "missing": "hold" if identity.hold_missing else "forward",
    }


def _number(value: float) -> float | int:
    return int(value) if value == int(value) else value

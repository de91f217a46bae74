"""Reading ``user``: where a per-user flag finds the user's name."""

from __future__ import annotations

from enum import StrEnum

from gateway.config.nodes import Broken, Items, Table
from gateway.config.scalars import choice, token_text
from gateway.config.section import Section, is_null
from gateway.core.flags import Identity, IdentitySource


class Missing(StrEnum):
    """What becomes of a request in scope that names no user."""

    FORWARD = "forward"
    HOLD = "hold"


def read_identity(section: Section) -> Identity | None:
    """``{cookie: uid}``, ``{header: X-User-Id}``, or several, tried in order.

    Several are a list of those, or ``{sources: [...]}`` where ``missing: hold`` is to be said
    beside them. None where the key is absent or (reported) wrong.
    """
    node = section.node("user")
    match node:
        case None | Broken():
            return None
        case Items():
            return _identity(_sources(node, section), Missing.FORWARD, section)
        case Table():
            return _from_table(node, section)
        case _:
            if not is_null(node):
                section.refuse("user", _EXPECTED)
            return None


def _from_table(table: Table, outer: Section) -> Identity | None:
    with Section(table, outer.report) as section:
        missing = section.take("missing", choice(Missing), Missing.FORWARD)
        node = section.node("sources")
        if node is None:
            source = _source(section)
            return _identity((source,) if source else (), missing, outer)
        if section.given("cookie") or section.given("header"):
            section.refuse("sources", "goes without cookie or header beside it: list them in it")
        section.node("cookie"), section.node("header")
        if isinstance(node, Items):
            return _identity(_sources(node, section), missing, outer)
        section.refuse("sources", "must be a list, such as [{cookie: uid}, {header: X-User-Id}]")
        return None


def _sources(items: Items, outer: Section) -> tuple[IdentitySource, ...]:
    if not items.items:
        outer.report.add(items.origin, _EXPECTED)
    found: list[IdentitySource] = []
    for node in items.items:
        if not isinstance(node, Table):
            outer.report.add(node.origin, _EXPECTED)
            continue
        with Section(node, outer.report) as section:
            if section.node("missing") is not None:
                section.refuse("missing", "is said once: user: {sources: [...], missing: hold}")
            source = _source(section)
        if source:
            found.append(source)
    return tuple(found)


def _source(section: Section) -> IdentitySource | None:
    cookie = section.take("cookie", token_text, None)
    header = section.take("header", token_text, None)
    if section.given("cookie") and section.given("header"):
        message = "has both cookie and header; several are a list, tried in order"
        section.report.add(section.origin, message)
    elif not any(map(section.given, ("cookie", "header"))) and not section.unknown():
        section.report.add(section.origin, _EXPECTED)
    if cookie:
        return IdentitySource("cookie", cookie)
    return IdentitySource("header", header) if header else None


def _identity(
    sources: tuple[IdentitySource, ...], missing: Missing, section: Section
) -> Identity | None:
    if len(set(sources)) < len(sources):
        section.refuse("user", "names the same cookie or header twice")
    return Identity(sources, hold_missing=missing is Missing.HOLD) if sources else None


_EXPECTED = "must be {cookie: NAME} or {header: NAME}, or a list of such"

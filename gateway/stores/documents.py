"""Overrides, audit entries and records as JSON, the form that stores write."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from gateway.core.overrides import Lift, Override
from gateway.core.windows import Course
from gateway.stores.base import AuditEntry


def dump_override(override: Override) -> str:
    """One override as a JSON object."""
    document = {
        "digest": override.digest,
        "values": dict(override.values),
        "at": override.at,
        "by": override.by,
        "reason": override.reason,
        "lifts": [{"at": lift.at, "values": dict(lift.values)} for lift in override.lifts],
        "extra": dict(override.extra),
        "course": None if override.course is None else asdict(override.course),
    }
    return json.dumps(document, separators=(",", ":"))


def load_override(text: str) -> Override:
    """The override that ``dump_override`` wrote. Raises ``ValueError`` for anything else."""
    try:
        document = _read(text)
        return Override(
            digest=str(document["digest"]),
            values=dict(document["values"]),
            at=float(document["at"]),
            by=str(document["by"]),
            reason=str(document["reason"]),
            lifts=tuple(_lifts(document)),
            extra=dict(document["extra"]),
            course=_course(document.get("course")),
        )
    except (TypeError, LookupError) as error:
        raise ValueError("is not an override") from error


def dump_entry(entry: AuditEntry, revision: int) -> str:
    """One audit entry as a JSON object; its ``id`` is the store's and not in it."""
    document = {
        "at": entry.at,
        "by": whole_text(entry.by),
        "action": whole_text(entry.action),
        "flag": whole_text(entry.flag),
        "reason": whole_text(entry.reason),
        "changes": None if entry.changes is None else dict(entry.changes),
        "revision": revision,
    }
    return json.dumps(document, separators=(",", ":"))


def load_entry(text: str, identifier: int) -> AuditEntry:
    """The audit entry that ``dump_entry`` wrote. Raises ``ValueError`` for anything else."""
    try:
        return AuditEntry(**_read(text), id=identifier)
    except TypeError as error:
        raise ValueError("is not an audit entry") from error


def dump_document(document: Mapping[str, object]) -> str:
    """A record's document as a JSON object. Raises ``TypeError`` for what JSON has not."""
    return json.dumps(dict(document), separators=(",", ":"))


def load_document(text: str) -> dict[str, object]:
    """The document that ``dump_document`` wrote. Raises ``ValueError`` for anything else."""
    document = _read(text)
    if not isinstance(document, dict):
        raise ValueError("is not a record")  # noqa: TRY004 one error for all that was not ours
    return document


def whole_text(text: str) -> str:
    """The text without halves of surrogate pairs, which a refused call may hold."""
    return text.encode("utf-8", "replace").decode()


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError:
        # Lifts that an earlier version has nested, as deep as the stack that it wrote them on let
        # it. A new thread has all of its stack for the reading.
        with ThreadPoolExecutor(1) as thread:
            reading = thread.submit(json.loads, text)
    try:
        return reading.result()
    except RecursionError as error:
        raise ValueError("is nested too deep") from error


def _course(document: Any) -> Course | None:
    if document is None:
        return None
    window, start, end = document["window"], document["start"], document["end"]
    return Course(str(window), float(start), float(end), bool(document["over"]))


def _lifts(document: Any) -> Iterator[Lift]:
    if "lifts" in document:
        for lift in document["lifts"]:
            yield Lift(float(lift["at"]), dict(lift["values"]))
        return
    lift = document["lift"]  # as earlier versions wrote them: each holds the next
    while lift is not None:
        yield Lift(float(lift["at"]), dict(lift["values"]))
        lift = lift["then"]

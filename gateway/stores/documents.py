"""Overrides, audit entries and records as JSON, the form that stores write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.overrides import Lift, Override
from gateway.stores.base import AuditEntry


def dump_override(override: Override) -> str:
    """One override as a JSON object."""
    document = {
        "digest": override.digest,
        "values": dict(override.values),
        "at": override.at,
        "by": override.by,
        "reason": override.reason,
        "lift": _lift_document(override.lift),
        "extra": dict(override.extra),
    }
    return json.dumps(document, separators=(",", ":"))


def load_override(text: str) -> Override:
    """The override that ``dump_override`` wrote. Raises ``ValueError`` for anything else."""
    try:
        document = json.loads(text)
        return Override(
            digest=str(document["digest"]),
            values=dict(document["values"]),
            at=float(document["at"]),
            by=str(document["by"]),
            reason=str(document["reason"]),
            lift=_lift(document["lift"]),
            extra=dict(document["extra"]),
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
        return AuditEntry(**json.loads(text), id=identifier)
    except TypeError as error:
        raise ValueError("is not an audit entry") from error


def dump_document(document: Mapping[str, object]) -> str:
    """A record's document as a JSON object. Raises ``TypeError`` for what JSON has not."""
    return json.dumps(dict(document), separators=(",", ":"))


def load_document(text: str) -> dict[str, object]:
    """The document that ``dump_document`` wrote. Raises ``ValueError`` for anything else."""
    document = json.loads(text)
    if not isinstance(document, dict):
        raise ValueError("is not a record")  # noqa: TRY004 one error for all that was not ours
    return document


def whole_text(text: str) -> str:
    """The text without halves of surrogate pairs, which a refused call may hold."""
    return text.encode("utf-8", "replace").decode()


def _lift_document(lift: Lift | None) -> Mapping[str, object] | None:
    if lift is None:
        return None
    return {"at": lift.at, "values": dict(lift.values), "then": _lift_document(lift.then)}


def _lift(document: Any) -> Lift | None:
    if document is None:
        return None
    return Lift(float(document["at"]), dict(document["values"]), _lift(document["then"]))

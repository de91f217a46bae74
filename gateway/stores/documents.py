"""Overrides as JSON, the form that stores write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.core.overrides import Lift, Override


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


def _lift_document(lift: Lift | None) -> Mapping[str, object] | None:
    if lift is None:
        return None
    return {"at": lift.at, "values": dict(lift.values), "then": _lift_document(lift.then)}


def _lift(document: Any) -> Lift | None:
    if document is None:
        return None
    return Lift(float(document["at"]), dict(document["values"]), _lift(document["then"]))

"""What the audit has of a guard: that it began, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gateway.state.guards import Guarding
from gateway.stores.base import AuditEntry


def guard_entry(
    guarding: Guarding,
    state: str,
    now: float,
    revision: int,
    ended: Mapping[str, object] | None = None,
) -> AuditEntry:
    """What the audit has of a guard: ``state`` is started, finished, failed, released, abandoned.

    ``ended`` is what the guard itself tells of its end.
    """
    about: Mapping[str, Any] = guarding.record.document
    told = dict(ended or {})
    progress = told.pop("progress", about.get("progress"))
    counted = progress if isinstance(progress, Mapping) and state != "started" else {}
    since = about.get("since")
    took = now - since if isinstance(since, int | float) and state != "started" else None
    changes = {
        "guard": guarding.id,
        "state": state,
        **{key: about[key] for key in ("user", "host", "command") if about.get(key) is not None},
        **counted,
        **({} if took is None else {"took": round(max(0.0, took), 1)}),
        **told,
    }
    reason = str(told.get("message") or "")
    by = str(about.get("by", ""))
    return AuditEntry(now, by, "guard", guarding.flag, reason, changes, revision)

"""The same page for programs: ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json

from gateway.pages.content import Content


def problem(content: Content) -> str:
    """One JSON object.

    ``type`` is ``about:blank``; ``title``, ``status`` and ``detail`` are the RFC's. Beside them
    are ``flag`` and ``reason`` (null where it is an error, no refusal), ``retry_after`` (seconds,
    or null) and ``until`` (when it ends by itself, or null); ``progress`` (percent) only where it
    is told.
    """
    members: dict[str, object] = {
        "type": "about:blank",
        "title": content.title,
        "status": content.status,
        "detail": content.message,
        "flag": content.flag,
        "reason": content.reason,
        "retry_after": content.retry_after,
        "until": content.until,
    }
    if content.percent is not None:
        members["progress"] = content.percent
    return json.dumps(members, ensure_ascii=False) + "\n"

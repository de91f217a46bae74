"""The same page for programs: ``application/problem+json`` (RFC 9457)."""

from __future__ import annotations

import json

from gateway.pages.content import Content


def problem(content: Content) -> str:
    """One JSON object.

    ``type`` is ``about:blank``; ``title``, ``status`` and ``detail`` are the RFC's. A refusal
    has ``flag``, ``reason``, ``retry_after`` (seconds) and ``until`` (null, or when it ends)
    as well; an error has ``retry_after`` where it says when to try again.
    """
    members: dict[str, object] = {
        "type": "about:blank",
        "title": content.title,
        "status": content.status,
        "detail": content.message,
    }
    if content.flag is not None:
        members |= {"flag": content.flag, "reason": content.reason, "until": content.until}
    if content.flag is not None or content.retry_after is not None:
        members["retry_after"] = content.retry_after
    return json.dumps(members, ensure_ascii=False) + "\n"

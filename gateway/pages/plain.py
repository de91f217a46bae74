"""The same page for a terminal, and for whatever asks for nothing in particular."""

from __future__ import annotations

from gateway.pages.content import NOT_SENT, Content


def plain(content: Content) -> str:
    """Title, message and when to come again, a paragraph each; ends with a line break."""
    parts = [content.title, content.message]
    if not content.repeatable:
        parts.append(NOT_SENT)
    if content.retry_after is not None:
        parts.append(
            f"Try again {content.when} (Retry-After: {content.retry_after} s)."
            if content.retry_after
            else "Try again."
        )
    return "\n\n".join(part for part in parts if part) + "\n"

"""The same page for a terminal, and for whatever asks for nothing in particular."""

from __future__ import annotations

from gateway.pages.content import Content


def plain(content: Content) -> str:
    """Title, message and when to come again, a paragraph each; ends with a line break."""
    words = content.words
    parts = [content.title, content.message]
    if not content.repeatable:
        parts.append(words.unsent)
    if content.progress is not None:
        parts.append(f"{content.progress}.")
    if content.retry_after is not None:
        at = f" ({content.until_words})" if content.until_words else ""
        parts.append(
            f"{words.again.format(when=content.when)}{at} (Retry-After: {content.retry_after} s)."
            if content.retry_after
            else f"{words.again_now}."
        )
    return "\n\n".join(part for part in parts if part) + "\n"

"""What an app of the table says: which of its pages was reached, for which host, by which user.

Four lines: the page (``search``, ``help`` or ``other``), the host, the user whom the cookie ``uid``
names, and the one whom the field ``X-User-Id`` does.
"""

from __future__ import annotations


def says(handler: str, host: object, cookie: object, header: object) -> bytes:
    lines = (handler, host, cookie, header)
    texts = ("" if line is None else str(line).replace("\n", "\r") for line in lines)
    return "\n".join(texts).encode("utf-8", "surrogateescape")

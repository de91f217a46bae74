"""The page of last resort: no template engine, no file, nothing that can be missing."""

from __future__ import annotations

from html import escape

from gateway.pages.content import Content

_PAGE = """<!doctype html>
<html lang="{words.tag}" dir="{words.direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1 dir="auto" lang="{title_language}">{title}</h1>
<p dir="auto" lang="{message_language}">{message}</p>
{unsent}<p>{when}<a href="">{words.open_again}</a></p>
</main>
</body>
</html>
"""


def fallback(content: Content) -> str:
    """``content`` as a plain HTML page, with no style and no script."""
    words = content.words
    at = f" ({escape(content.until_words)})" if content.until_words else ""
    return _PAGE.format(
        title=escape(content.title),
        message=escape(content.message),
        title_language=content.title_language,
        message_language=content.message_language,
        words=words,
        unsent="" if content.repeatable else f"<p>{words.unsent}</p>\n",
        when=f"{words.again.format(when=content.when)}{at} · " if content.when else "",
    )

"""The page of last resort: no template engine, no file, nothing that can be missing."""

from __future__ import annotations

from html import escape

from gateway.pages.content import NOT_SENT, Content

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{message}</p>
{not_sent}<p>{when}<a href="">Open this page again</a></p>
</main>
</body>
</html>
"""


def fallback(content: Content) -> str:
    """``content`` as a plain HTML page, with no style and no script."""
    return _PAGE.format(
        title=escape(content.title),
        message=escape(content.message),
        not_sent="" if content.repeatable else f"<p>{NOT_SENT}</p>\n",
        when=f"Try again {content.when}. " if content.when else "",
    )

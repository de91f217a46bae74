"""The files that the pages are dressed with. Their address has their digest, so it may be kept."""

from __future__ import annotations

from functools import cache
from hashlib import sha256

from aiohttp import web

from gateway.control.problems import Problem, shown
from gateway.pages.render import templates_folder

# The visitors' page and the dashboard are one family: the colours and the scene are the former's.
_FILES = {
    "dashboard.css": ("text/css", ("pages/page.css", "dashboard/dashboard.css")),
    "dashboard.js": ("text/javascript", ("dashboard/dashboard.js",)),
    "icon.svg": ("image/svg+xml", ("pages/icon.svg",)),
}


async def show_asset(request: web.Request) -> web.Response:
    name = request.match_info["file"]
    if name not in _FILES:
        raise Problem(404, f"There is no file {shown(name)}.")
    response = web.Response(text=_text(name), content_type=_FILES[name][0], charset="utf-8")
    if request.query.get("v") == version(name):
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable"
    return response


@cache
def version(name: str) -> str:
    """A digest of the file, as a query parameter of its address."""
    return sha256(_text(name).encode()).hexdigest()[:16]


@cache
def _text(name: str) -> str:
    parts = (templates_folder() / part for part in _FILES[name][1])
    return "\n".join(part.read_text("utf-8") for part in parts)

"""What a visitor whom a flag holds would read, for whoever looks after the page."""

from __future__ import annotations

from aiohttp import web

from gateway.control.explain import read_method
from gateway.control.flags import find_flag
from gateway.control.problems import Problem
from gateway.control.services import SERVICES
from gateway.pages.negotiate import Media
from gateway.pages.preview import preview
from gateway.pages.wishes import read_wish

LONGEST = 1000  # characters of a parameter

# What an answer may be of; each is shown as a visitor would get it.
PREVIEWED = tuple(media.value.partition(";")[0] for media in Media)

# Shown in a frame of the dashboard, it is a picture: it runs nothing, sends nothing, and is of no
# origin. A template of one's own may bring its styles along; from elsewhere nothing is loaded.
_SANDBOX = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:;"
    " base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_SHOWN = {"Content-Type", "Content-Language", "Vary"}


async def preview_flag(request: web.Request) -> web.Response:
    """The body of a flag's refusal as it would be now, whether the flag is on or not."""
    services = request.app[SERVICES]
    view = find_flag(services.state.snapshot, request.match_info["flag"])
    method = read_method(request.query.get("method", "GET"))
    wish = read_wish(_said(request, "accept", "Accept"), _said(request, "lang", "Accept-Language"))
    made = preview(services.pages(), view, wish, method.decode())
    response = web.Response(body=made.body)
    for name in _SHOWN & made.fields.keys():
        response.headers[name] = made.fields[name]
    response.headers["Content-Security-Policy"] = _SANDBOX
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["X-Preview-Status"] = str(made.status)
    return response


def _said(request: web.Request, parameter: str, field: str) -> bytes:
    # A parameter wins over the field, which a frame of a page cannot choose.
    said = request.query.get(parameter)
    if said is None:
        return ", ".join(request.headers.getall(field, [])).encode("utf-8", "replace")
    if len(said) > LONGEST or not (said.isascii() and said.isprintable()):
        raise Problem(400, f"{parameter} must be {LONGEST} characters of printable ASCII at most.")
    return said.encode()

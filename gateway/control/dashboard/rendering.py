"""Pages as HTML: one frame, one policy, and what every page knows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

import aiohttp_jinja2
import jinja2
from aiohttp import web

from gateway import __version__
from gateway.config.settings import Role
from gateway.control.auth import CALLER
from gateway.control.dashboard.assets import version
from gateway.control.dashboard.session import Session
from gateway.control.problems import Problem
from gateway.control.services import SERVICES
from gateway.pages.render import templates_folder

SESSION = web.RequestKey("session", Session)
FORM = web.RequestKey("form", Mapping[str, str])

# Own files alone, no inline code, forms and frames of this origin, framed by nobody.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)


def set_up_pages(app: web.Application) -> None:
    """Have ``aiohttp_jinja2`` find the templates, which escape what they show."""
    aiohttp_jinja2.setup(
        app,
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        filters=_FILTERS,
    )


def page(request: web.Request, name: str, **words: object) -> web.Response:
    """The template ``dashboard/{name}.html``, with what all of them want to know."""
    caller = request.get(CALLER)
    services = request.app[SERVICES]
    known = {
        "root": root(request),
        "form": request[SESSION].form if SESSION in request else "",
        "caller": caller,
        "may_flip": caller is not None and caller.role is Role.OPERATOR,
        "logged_in": caller is not None and caller.token is not None,
        "any_on": any(view.is_on for view in services.state.snapshot.views),
        "now": services.clock(),
        "version": __version__,
        "here": name,
    }
    response: web.Response = aiohttp_jinja2.render_template(
        f"dashboard/{name}.html", request, {**known, **words}
    )
    response.headers["Content-Security-Policy"] = POLICY
    # Under "no-referrer" browsers send forms with "Origin: null", as another site's would come.
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Vary"] = "Accept, Cookie"
    return response


def error_page(request: web.Request, problem: Problem) -> web.Response:
    """What went wrong, at its status. Where it was the token, the form to try again with."""
    name = "login" if request.path == "/login" else "error"
    words = {"error": problem.detail, "status": problem.status, "then": "/", "over": False}
    return problem.sent_with(page(request, name, **words))


def see_other(request: web.Request, path: str) -> web.Response:
    """303 to one of our own pages: a page that was changed by a form is not what it leads to."""
    return web.Response(status=303, headers={"Location": f"{root(request)}{path.lstrip('/')}"})


def root(request: web.Request) -> str:
    """The way from this page to the dashboard's root; what is before us may add a prefix."""
    return "../" * (request.rel_url.raw_path.count("/") - 1) or "./"


def _ago(moment: str, now: float) -> str:
    passed = now - datetime.fromisoformat(moment).timestamp()
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if count := int(passed // size):
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _clock(moment: str) -> str:
    # People may be anywhere: UTC, and said so.
    return datetime.fromisoformat(moment).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def _segment(text: str) -> str:
    return quote(text, safe="")


_FILTERS: Mapping[str, Callable[..., str]] = {
    "segment": _segment,
    "ago": _ago,
    "clock": _clock,
    "version": version,
}

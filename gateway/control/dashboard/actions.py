"""What the forms do: the same flips as the API's, under the name of who is logged in.

Each form says how things shall be, never that they shall change: who presses a switch on a page
that is out of date gets what the switch said, and not its opposite.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from gateway.control.auth import actor
from gateway.control.bodies import check_reason
from gateway.control.dashboard.rendering import FORM, see_other
from gateway.control.flags import find_flag
from gateway.control.problems import Problem, invalid
from gateway.control.services import SERVICES
from gateway.control.users import require_user_flag
from gateway.core.patches import read_lasts, read_patch, read_users
from gateway.core.snapshot import FlagView


async def change_flag(request: web.Request) -> web.Response:
    """Turns a flag on or off, changes other keys of it, or puts it back to the YAML."""
    state, form, view = request.app[SERVICES].state, request[FORM], _flag(request)
    reason, by = check_reason(form.get("reason", "").strip()), actor(request)
    what = form.get("do", "")
    if what == "reset":
        await state.reset(view.flag.name, by=by, reason=reason)
    elif what in _PATCHES:
        patch = read_patch({**_PATCHES[what](form), "reason": reason, **_lasts(form)})
        await state.flip(view.flag.name, patch, by=by)
    else:
        raise invalid([("do", f"must be one of reset, {', '.join(_PATCHES)}")])
    return _done(request, what)


async def change_users_of_flag(request: web.Request) -> web.Response:
    """Adds the users named, one a line, or removes one."""
    state, form, view = request.app[SERVICES].state, request[FORM], _flag(request)
    require_user_flag(view)
    add = read_users([line.strip() for line in form.get("add", "").splitlines() if line.strip()])
    remove = read_users([form["remove"]]) if form.get("remove") else ()
    if not add and not remove:
        raise Problem(422, "Say whom: one user a line.")
    await state.change_users(
        view.flag.name,
        add=add,
        remove=remove,
        by=actor(request),
        reason=check_reason(form.get("reason", "").strip()),
        lasts=read_lasts(form.get("for", "").strip() or None) if add else None,
    )
    return _done(request, "added" if add else "removed")


def _flag(request: web.Request) -> FlagView:
    return find_flag(request.app[SERVICES].state.snapshot, request.match_info["flag"])


def _done(request: web.Request, what: str) -> web.Response:
    # Back to where the form was; what was done is said there.
    name = request.rel_url.raw_path.split("/")[2]
    if request[FORM].get("back") == "overview":
        return see_other(request, f"/?done={what}&flag={name}#flag-{name}")
    return see_other(request, f"/flags/{name}?done={what}")


def _lasts(form: Mapping[str, str]) -> Mapping[str, object]:
    lasts = form.get("for", "").strip()
    return {"for": lasts} if lasts else {}


def _changed(form: Mapping[str, str]) -> dict[str, Any]:
    # What is left empty stays as it is: a page that is out of date puts nothing back by itself.
    said = {key: form[key].strip() for key in _KEYS if form.get(key, "").strip()}
    if not said:
        raise Problem(422, "Say what to change: everything was left as it is.")
    patch: dict[str, Any] = {key: _read(key, text) for key, text in said.items()}
    page = {key.removeprefix("page."): patch.pop(key) for key in tuple(patch) if "." in key}
    return {**patch, **({"page": page} if page else {})}


def _read(key: str, text: str) -> object:
    if key == "rollout":
        try:
            return float(text)
        except ValueError as error:
            raise invalid([(key, "must be a number")]) from error
    return text


_KEYS = ("mode", "rollout", "ttl", "page.message", "page.retry_after")
_PATCHES = {
    "on": lambda _form: {"enabled": True},
    "off": lambda _form: {"enabled": False},
    "change": _changed,
}

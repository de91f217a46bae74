"""The toggle endpoint: one flag, one secret, three methods (``control.toggle``)."""

from __future__ import annotations

from aiohttp import web

from gateway.control.auth import actor
from gateway.control.documents import answer
from gateway.control.problems import Problem
from gateway.control.services import SERVICES
from gateway.core.overrides import Patch
from gateway.core.snapshot import FlagView, Snapshot


async def turn_on(request: web.Request) -> web.Response:
    """The flag is on when this has answered."""
    return await _turned(request, on=True)


async def turn_off(request: web.Request) -> web.Response:
    return await _turned(request, on=False)


async def tell(request: web.Request) -> web.Response:
    """Whether it is on."""
    return _said(_flag(request), request.app[SERVICES].state.snapshot)


async def _turned(request: web.Request, *, on: bool) -> web.Response:
    name = _flag(request).flag.name
    patch = Patch({"enabled": on}, reason="the toggle endpoint")
    snapshot = await request.app[SERVICES].state.flip(name, patch, by=actor(request))
    view = snapshot.view(name)
    assert view is not None  # noqa: S101 it was flipped just now
    return _said(view, snapshot)


def _flag(request: web.Request) -> FlagView:
    state = request.app[SERVICES].state
    toggle = state.settings.control.toggle
    view = None if toggle is None else state.snapshot.view(toggle.flag)
    if view is None:
        raise Problem(404, "There is no toggle: control.toggle says no flag that is there.")
    return view


def _said(view: FlagView, snapshot: Snapshot) -> web.Response:
    document = {"flag": view.flag.name, "enabled": view.state.enabled}
    return answer({**document, "revision": snapshot.revision}, snapshot.revision)

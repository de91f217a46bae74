"""Draining a flag: waiting until nothing in its scope is under way, on any member.

A drain is as long as its caller stays: who hangs up ends it, as does the end of this worker.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import web

from gateway.control.bodies import JSON, read_choice, read_object
from gateway.control.documents import answer
from gateway.control.flags import find_flag
from gateway.control.members import barrier
from gateway.control.problems import Problem, invalid
from gateway.control.services import SERVICES
from gateway.control.users import optional_user
from gateway.core.durations import parse_duration
from gateway.state.drains import Drained, Drains, Request
from gateway.telemetry.tally import DrainEnd

TIMEOUT = 30.0  # seconds, where the caller does not say
LONGEST = 3600.0
MOST_GONE = 1000  # members that a caller may name as gone
LOOK = 0.25  # seconds between looks at whether the caller is still there

ENDING = web.AppKey("ending", asyncio.Event)

_KEYS = ("user", "timeout", "assume_gone", "accept_orphans", "accept_unseen")


async def drain_flag(request: web.Request) -> web.Response:
    """Waits until the flag is drained: 200, or 504 with the reason why not."""
    view = find_flag(request.app[SERVICES].state.snapshot, request.match_info["flag"])
    document = await read_object(request, _KEYS, JSON) if request.can_read_body else {}
    asked = Request(
        flag=view.flag.name,
        user=optional_user(view, document),
        timeout=_timeout(document),
        assume_gone=_members(document),
        accept_orphans=read_choice(document, "accept_orphans"),
        accept_unseen=read_choice(document, "accept_unseen"),
    )
    drained = await _while_asked(request, barrier(request).drains, asked)
    end = DrainEnd.DRAINED if drained.drained else DrainEnd.GIVEN_UP
    request.app[SERVICES].tally.drained(end, drained.waited)
    if not drained.drained:
        said = f"The flag {asked.flag} is not drained: {drained.reason}."
        members: dict[str, Any] = dict(drained.document())
        raise Problem(504, said, **members)
    return answer(drained.document(), drained.revision)


async def end_drains(app: web.Application) -> None:
    """This worker is ending: whoever waits for a drain asks another one."""
    app[ENDING].set()


async def _while_asked(request: web.Request, drains: Drains, asked: Request) -> Drained:
    draining = asyncio.create_task(drains.drain(asked))
    ending = asyncio.create_task(request.app[ENDING].wait())
    try:
        while not draining.done():
            await asyncio.wait(
                (draining, ending), timeout=LOOK, return_when=asyncio.FIRST_COMPLETED
            )
            if draining.done():
                break
            if ending.done():
                raise Problem(
                    503, "This worker is ending: ask again.", headers={"Retry-After": "1"}
                )
            if request.transport is None or request.transport.is_closing():
                raise Problem(408, "The caller has left.")  # and reads no more
        return draining.result()
    finally:
        await _end(draining, ending)


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError, Exception):
            await task


def _timeout(document: dict[str, Any]) -> float:
    try:
        seconds = parse_duration(document.get("timeout", TIMEOUT))
    except ValueError as error:
        raise invalid([("timeout", str(error))]) from error
    if not 0 < seconds <= LONGEST:
        raise invalid([("timeout", "must be more than nothing, and an hour at most")])
    return seconds


def _members(document: dict[str, Any]) -> frozenset[str]:
    names = document.get("assume_gone", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise invalid([("assume_gone", "must be a list of members")])
    if len(names) > MOST_GONE:
        raise invalid([("assume_gone", f"has {len(names)} members; at most {MOST_GONE}")])
    return frozenset(names)

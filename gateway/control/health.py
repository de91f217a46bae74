"""For the platform: does the process answer, is it ready, what are its figures."""

from __future__ import annotations

from enum import StrEnum

from aiohttp import web

from gateway.config.triggers import trigger_errors
from gateway.control.documents import answer
from gateway.control.problems import Problem
from gateway.control.services import SERVICES, Services


class Purpose(StrEnum):
    """What somebody is to be ready for.

    ``traffic``: to be sent visitors. It does not ask whether all is well: what is wrong with the
    YAML or the store is wrong with all replicas at once, the last known state goes on serving,
    and a platform that then sends visitors to none of them makes an outage of it.
    """

    ALL = "all"
    TRAFFIC = "traffic"


async def healthz(_request: web.Request) -> web.Response:
    """The process answers; nothing else is looked at."""
    return answer({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Ready, or 503 with the reasons why not.

    It is open to everybody, so it names what is wrong and leaves the details to /status.
    """
    services = request.app[SERVICES]
    reasons = _against_traffic(services)
    if _purpose(request) is Purpose.ALL:
        reasons += _against_the_rest(services)
    if reasons:
        raise Problem(503, " ".join(reasons), reasons=reasons)
    return answer({"status": "ready"})


async def metrics(request: web.Request) -> web.Response:
    """The figures of all workers as Prometheus reads them."""
    services = request.app[SERVICES]
    await services.gathered()
    return web.Response(
        body=services.metrics(),
        headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
    )


def _purpose(request: web.Request) -> Purpose:
    said = request.query.getall("for", [Purpose.ALL])
    if len(said) != 1 or said[0] not in set(Purpose):
        # A probe with a slip of the pen must not be answered as another one would be.
        raise Problem(400, f"for must be one of {', '.join(Purpose)}, once.")
    return Purpose(said[0])


def _against_traffic(services: Services) -> list[str]:
    reasons = []
    if not services.listening():
        reasons.append("The public port does not listen.")
    if services.leaving():
        reasons.append("The gateway is to end; it serves until others are asked.")
    if services.app_starts():
        reasons.append("The app takes no connections yet; visitors get the start-up page.")
    return reasons


def _against_the_rest(services: Services) -> list[str]:
    reasons = []
    if services.state.store_error is not None:
        reasons.append("The store is out of reach; the last known state goes on serving.")
    elif services.barrier is not None and services.barrier.membership.error is not None:
        reasons.append("The store takes no writes; the last known state goes on serving.")
    if count := len(services.state.config_errors):
        noun = "error" if count == 1 else "errors"
        reasons.append(f"The YAML has {count} {noun}; the last valid one goes on serving.")
    if trigger_errors(services.state.settings):
        reasons.append("A trigger file has errors; its flag is on.")
    if services.state.edit_waits:
        reasons.append("An edit of the YAML waits for the store; the last one goes on serving.")
    reasons += [
        f"A task of the gateway fails: {name}." for name in services.state.followers.failures
    ]
    return reasons

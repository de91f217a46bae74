"""For the platform: does the process answer, is it ready, what are its figures."""

from __future__ import annotations

from aiohttp import web

from gateway.config.triggers import trigger_errors
from gateway.control.documents import answer
from gateway.control.problems import Problem
from gateway.control.services import SERVICES, Services


async def healthz(_request: web.Request) -> web.Response:
    """The process answers; nothing else is looked at."""
    return answer({"status": "ok"})


async def readyz(request: web.Request) -> web.Response:
    """Ready, or 503 with the reasons why not.

    It is open to everybody, so it names what is wrong and leaves the details to /status.
    """
    reasons = _reasons(request.app[SERVICES])
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


def _reasons(services: Services) -> list[str]:
    reasons = []
    if not services.listening():
        reasons.append("The public port does not listen.")
    if services.app_starts():
        reasons.append("The app takes no connections yet; visitors get the start-up page.")
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

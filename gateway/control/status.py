"""How the gateway is: members, revision, store, configuration, flags that are on."""

from __future__ import annotations

from contextlib import suppress

from aiohttp import web

from gateway.config import ConfigError
from gateway.config.triggers import trigger_errors
from gateway.control.documents import Document, answer, moment
from gateway.control.guards import guard_documents
from gateway.control.members import member_documents
from gateway.control.services import SERVICES, Services
from gateway.state.fetched_pages import Fetched
from gateway.state.forgotten import Forgotten
from gateway.state.live import LiveState
from gateway.stores.base import StoreError


async def show_status(request: web.Request) -> web.Response:
    """One look at everything; what is wrong shows here first."""
    services = request.app[SERVICES]
    document = await status_document(services)
    return answer(document, services.state.snapshot.revision)


async def status_document(services: Services) -> Document:
    """How the gateway is, as this worker sees it; ``traffic`` is of all workers beside it."""
    state = services.state
    snapshot = state.snapshot
    held, traffic = services.held(), services.traffic()
    return {
        "revision": snapshot.revision,
        "members": await member_documents(services),
        "guards": await guard_documents(services),
        "unseen": await _unseen(services),
        "store": _store(services),
        "config": _config(state),
        "pages": [_fetched(page) for page in services.fetched()],
        "failures": [f"{name}: {why}" for name, why in state.followers.failures.items()],
        "in_flight": services.in_flight(),
        "held": sum(held.values()),
        "held_for_app": held.get("", 0),
        "forgotten": [_forgotten(each) for each in services.forgotten()],
        "traffic": {
            "in_flight": traffic.in_flight,
            "forwarded": traffic.forwarded,
            "refused": traffic.refused,
        },
        "on": [view.flag.name for view in snapshot.views if view.is_on],
    }


async def _unseen(services: Services) -> list[str]:
    """The flags whose requests go on over another proxy, as far as the store tells."""
    if services.barrier is None:
        return []
    with suppress(StoreError):
        return sorted(await services.barrier.elsewhere.flags())
    return []


def _store(services: Services) -> Document:
    # The kind alone: the rest of a store's address may hold a password.
    state, barrier = services.state, services.barrier
    refused = None if barrier is None else barrier.membership.error
    return {
        "kind": state.settings.store.partition(":")[0],
        "reachable": state.store_error is None,
        "writable": state.store_error is None and refused is None,
        "error": state.store_error or refused,
    }


def _forgotten(each: Forgotten) -> Document:
    return {"flag": each.flag, "since": moment(each.since), "max": each.longest}


def _fetched(page: Fetched) -> Document:
    return {"url": page.shown_url, "fetched": moment(page.at), "error": page.error}


def _config(state: LiveState) -> Document:
    path = state.settings.path
    errors = (*state.config_errors, *trigger_errors(state.settings))
    return {
        "path": str(path) if path else None,
        "valid": not errors,
        "errors": [_error(error) for error in errors],
        "notices": [_error(notice) for notice in state.config_notices],
    }


def _error(error: ConfigError) -> Document:
    return {
        "file": error.file,
        "line": error.line,
        "path": error.path,
        "message": error.message,
        "text": str(error),
    }

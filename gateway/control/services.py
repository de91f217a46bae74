"""What the control plane is given by the composition root: state, figures and clocks."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from aiohttp import web

from gateway.core.flags import Page
from gateway.core.rules import Rule
from gateway.pages.pages import Pages
from gateway.state.drains import Drains
from gateway.state.elsewhere import Elsewhere
from gateway.state.fetched_pages import Fetched
from gateway.state.forgotten import Forgotten
from gateway.state.guards import Guards
from gateway.state.live import LiveState
from gateway.state.membership import Membership
from gateway.telemetry.tally import Tally
from gateway.webhooks.webhooks import Webhooks


def _usual_pages() -> Pages:
    return Pages(Page())


def _always() -> bool:
    return True


def _never() -> bool:
    return False


async def _at_once() -> None:
    """There is nobody else to wait for."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Of all workers of this gateway: exchanges under way now, and what was counted so far."""

    in_flight: int = 0
    forwarded: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class Barrier:
    """The members of all replicas, and what is asked of them together."""

    membership: Membership
    drains: Drains
    guards: Guards
    elsewhere: Elsewhere


@dataclass(frozen=True, slots=True)
class Services:
    """All that the control API reads and changes; it owns none of it.

    ``metrics`` is the Prometheus text exposition. ``in_flight`` counts the exchanges under way
    here, ``concerned`` those that each of some flags, in order, is about. ``member`` describes
    this worker process as JSON values: ``member`` (its id), ``since`` (seconds since the epoch)
    and more. ``pages`` are what visitors get, ``fetched`` those of ``page.url``; ``tally`` counts
    what is decided here. ``held`` is how many requests wait, on all workers, by flag ("" for the
    app); none that is 0. ``forgotten`` are the flags that are on for too long. ``listening``: the
    public port takes connections. ``gathered`` waits until ``metrics`` has what every worker
    counted before the call; ``traffic`` does not wait.
    ``app_starts``: the app was started with the gateway, and takes no connections yet.
    ``leaving``: this process is to end, and serves only for a while.
    ``clock`` is seconds since the epoch; ``monotonic`` never goes back and bounds refusals.
    """

    state: LiveState
    metrics: Callable[[], bytes]
    in_flight: Callable[[], int]
    concerned: Callable[[Sequence[Rule]], Awaitable[Sequence[int]]]
    member: Callable[[], Mapping[str, object]]
    held: Callable[[], Mapping[str, int]] = dict
    pages: Callable[[], Pages] = _usual_pages
    forgotten: Callable[[], Sequence[Forgotten]] = tuple
    tally: Tally = field(default_factory=Tally)
    fetched: Callable[[], Sequence[Fetched]] = tuple
    listening: Callable[[], bool] = _always
    app_starts: Callable[[], bool] = _never
    leaving: Callable[[], bool] = _never
    barrier: Barrier | None = None
    webhooks: Webhooks | None = None
    gathered: Callable[[], Awaitable[None]] = _at_once
    traffic: Callable[[], Traffic] = Traffic
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic


SERVICES = web.AppKey("services", Services)

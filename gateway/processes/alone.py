"""A gateway of one worker: the only process, which hears the signals itself."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.app import Gateway, Seat
from gateway.config.passed import NOTHING_PASSED, Passed
from gateway.config.settings import Address, Settings
from gateway.orders import Orders
from gateway.processes.service import NOBODY, Beat, Service
from gateway.processes.signal_inbox import ENDS
from gateway.sockets import Sockets

log = logging.getLogger("gateway")


async def serve(
    settings: Settings,
    started: Callable[[Gateway], None] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    passed: Passed = NOTHING_PASSED,
    service: Service = NOBODY,
    ends: Sequence[signal.Signals] = ENDS,
) -> None:
    """Run as the only process until one of ``ends``; ``started`` is called once it listens.

    ``environ`` is what the settings were read with, and edits of the YAML will be; the
    process's own unless given. ``passed`` are sockets that it may be told to listen on, and
    ``service`` is who is told how it fares. Raises what ``Gateway.start`` does.
    """
    orders = Orders()
    loop = asyncio.get_running_loop()
    for number in ends:
        loop.add_signal_handler(number, orders.stop_or_hurry)
    loop.add_signal_handler(signal.SIGHUP, _say_what_hup_does)
    public, control = (_found(each, passed) for each in (settings.listen, settings.control.listen))
    gateway = Gateway(settings, environ, Seat(public=public, control=control))
    await gateway.start()
    log.info("in front of %s on %s", settings.upstream, gateway.address)
    if gateway.control_address is not None:
        log.info("control API on %s", gateway.control_address)
    if started is not None:
        started(gateway)
    with _told(service, gateway, orders, ends):
        await gateway.serve(orders)


@contextlib.contextmanager
def _told(
    service: Service, gateway: Gateway, orders: Orders, ends: Sequence[signal.Signals]
) -> Iterator[None]:
    """While the block runs, the service's owner hears of all that matters to it."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        service.stopping(gateway.settings.timeouts.to_stop)
        orders.stop_or_hurry()

    def reload() -> None:
        service.reloading()
        _say_what_hup_does()
        service.ready(gateway.condition)

    for number in ends:
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, reload)
    if not orders.end.is_set():
        service.ready(gateway.condition)
    with Beat(service.period, lambda: service.beat(gateway.condition)):
        yield


def _found(address: Address | None, passed: Passed) -> Sockets:
    """What was passed for it; else it is bound later."""
    name = None if address is None else address.passed
    return () if name is None else passed.sockets.get(name, ())


def _say_what_hup_does() -> None:
    log.info("SIGHUP: an edit of the YAML is taken in by itself; the rest takes a restart")

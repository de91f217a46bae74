"""The composition root: the only place that wires the parts together and starts them."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from aiohttp import web

from gateway.config.settings import Settings
from gateway.control import Services, make_control
from gateway.pages.pages import Pages
from gateway.proxy.listener import Listener
from gateway.proxy.plane import DataPlane
from gateway.state.live import LiveState
from gateway.stores import open_store
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.tally import Tally

log = logging.getLogger("gateway")


class Gateway:
    """One worker: its state, its data plane and its control plane."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = environ
        self._member = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        self._since = time.time()
        self._cleanup = AsyncExitStack()
        self.address = ""
        self.control_address: str | None = None

    async def start(self) -> None:
        """State first, then the control plane, then the public port.

        Raises StoreError, ConfigErrors or OSError; what had been started is stopped again.
        """
        try:
            await self._start()
        except BaseException:
            await self._cleanup.aclose()
            raise

    async def stop(self) -> None:
        """Accept no more, finish what is under way within ``timeouts.shutdown``, let go."""
        self._listener.stop()
        await self._plane.stop(self._state.settings.timeouts.shutdown)
        await self._cleanup.aclose()

    async def _start(self) -> None:
        settings = self._settings
        self._state = LiveState(settings, open_store(settings.store), environ=self._environ)
        self._cleanup.push_async_callback(self._state.close)
        await self._state.start()
        tally = Tally()
        self._plane = DataPlane(self._state, Pages(self._state.settings.page), tally)
        self._metrics = Metrics(tally, lambda: self._state.snapshot, self._gauges)
        self._cleanup.callback(self._state.subscribe(lambda _snapshot: self._follow()))
        self._listener = Listener(self._plane, settings)
        await self._start_control()
        self._plane.start()
        self.address = await self._listener.start()
        self._cleanup.callback(self._listener.stop)

    async def _start_control(self) -> None:
        listen = self._settings.control.listen
        if listen is None:
            return
        control = make_control(
            Services(
                state=self._state,
                metrics=self._metrics.exposition,
                in_flight=self._plane.in_flight.count,
                member=self._describe,
                listening=lambda: self._listener.listening,
            )
        )
        runner = web.AppRunner(control, access_log=None, handle_signals=False)
        self._cleanup.push_async_callback(runner.cleanup)
        await runner.setup()
        if listen.path is not None:
            site: web.BaseSite = web.UnixSite(runner, listen.path)
        else:
            site = web.TCPSite(runner, listen.host or None, listen.port)
        await site.start()
        name = runner.addresses[0]
        self.control_address = f"{name[0]}:{name[1]}" if isinstance(name, tuple) else f"unix:{name}"

    def _follow(self) -> None:
        """What the data plane keeps from the settings, when they have changed."""
        settings = self._state.settings
        if settings.page != self._plane.settings.page:
            self._plane.pages = Pages(settings.page)
        self._plane.settings = settings

    def _describe(self) -> Mapping[str, object]:
        plane = self._plane
        return {
            "member": self._member,
            "pid": os.getpid(),
            "since": self._since,
            "revision": self._state.snapshot.revision,
            "in_flight": len(plane.in_flight),
            "connections": len(plane.clients),
            "app_connections": len(plane.upstreams),
        }

    def _gauges(self) -> dict[str, tuple[str, float]]:
        plane, state = self._plane, self._state
        return {
            "gateway_in_flight": ("Exchanges under way", len(plane.in_flight)),
            "gateway_client_connections": ("Connections of clients open", len(plane.clients)),
            "gateway_app_connections": ("Connections to the app open", len(plane.upstreams)),
            "gateway_config_errors": ("Errors in the YAML as it is", len(state.config_errors)),
            "gateway_store_reachable": ("1 while the store answers", state.store_error is None),
        }


async def serve(
    settings: Settings,
    started: Callable[[Gateway], None] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
) -> None:
    """Run until SIGTERM or SIGINT; ``started`` is called once it listens.

    ``environ`` is what the settings were read with, and edits of the YAML will be; the
    process's own unless given. Raises what ``Gateway.start`` does.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    gateway = Gateway(settings, environ)
    await gateway.start()
    log.info("in front of %s on %s", settings.upstream, gateway.address)
    if gateway.control_address is not None:
        log.info("control API on %s", gateway.control_address)
    if started is not None:
        started(gateway)
    await stop.wait()
    log.info("stopping: finishing what is under way")
    await gateway.stop()

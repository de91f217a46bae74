"""Opening connections to the app: the one place of the data plane that makes a task for it."""

from __future__ import annotations

import asyncio
import ssl
from functools import partial
from ipaddress import ip_address
from typing import TYPE_CHECKING

from gateway.config.settings import Settings
from gateway.proxy.upstream.connection import UpstreamConnection
from gateway.proxy.upstream.whereabouts import Resolve, Whereabouts
from gateway.proxy.wire.errors import AppError, AppStartingError, AppTimeoutError

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane


class Connector:
    """Connects to the upstream of ``settings``; ``resolve`` looks its name up, if it has one."""

    def __init__(
        self, plane: DataPlane, settings: Settings, resolve: Resolve | None = None
    ) -> None:
        self._plane = plane
        self._address = settings.upstream
        self._context: ssl.SSLContext | None = None
        self._name: str | None = None
        self._whereabouts: Whereabouts | None = None
        if _is_name(self._address.host):
            self._whereabouts = Whereabouts(plane, self._address, resolve)
        self.take_settings(settings)

    def start(self) -> None:
        """Follow the upstream's name, if it has one; the plane ends that."""
        if self._whereabouts is not None:
            self._plane.spawn(self._whereabouts.follow(), self.start)

    def take_settings(self, settings: Settings) -> None:
        """How the app is to show who it is, for the connections to come."""
        if not self._address.tls:
            return
        tls = settings.upstream_tls
        assert tls is not None  # noqa: S101 never in the clear instead
        self._context = tls.context
        self._name = tls.server_name or self._address.host.rstrip(".")

    def connect(self, exchange: Exchange) -> None:
        """Open a connection for ``exchange``, and tell it how that went."""

        def failed() -> None:
            exchange.fail(AppError("the app cannot be reached"))

        self._plane.spawn(self._connect(exchange), failed)

    async def knock(self) -> UpstreamConnection | None:
        """A connection that nobody asked for, if the app can be reached."""
        try:
            async with asyncio.timeout(self._plane.settings.timeouts.connect):
                return await self._open()
        except OSError:  # TimeoutError is one
            return None

    async def _connect(self, exchange: Exchange) -> None:
        seconds = self._plane.settings.timeouts.connect
        try:
            async with asyncio.timeout(seconds):
                connection = await self._open()
        except TimeoutError:
            error: AppError = AppTimeoutError(f"no connection to the app within {seconds:g} s")
            exchange.unreached(self._unreached(error))
        except ssl.SSLCertVerificationError as error:
            why = f"its certificate is not accepted for {self._name}: {error.verify_message}"
            exchange.fail(AppError(f"the app is not believed to be the app: {why}"))
        except ssl.SSLError as error:  # which waiting does not mend
            exchange.fail(AppError(f"the app cannot be reached: {error}"))
        except OSError as error:  # refused, unknown host
            exchange.unreached(self._unreached(AppError(f"the app cannot be reached: {error}")))
        else:
            exchange.connected(connection)

    def _unreached(self, error: AppError) -> AppError:
        if not self._plane.app_starts:
            return error
        return AppStartingError(f"the app is starting: {error.detail}")

    async def _open(self) -> UpstreamConnection:
        loop, address = self._plane.loop, self._address
        protocol = partial(UpstreamConnection, self._plane)
        if address.path is not None:
            _, connection = await loop.create_unix_connection(protocol, address.path)
        elif self._whereabouts is None:
            _, connection = await loop.create_connection(
                protocol, address.host, address.port, ssl=self._context, server_hostname=self._name
            )
        else:
            made = await self._whereabouts.connect()
            _, connection = await loop.create_connection(
                protocol, sock=made, ssl=self._context, server_hostname=self._name
            )
        return connection


def _is_name(host: str) -> bool:
    if not host:
        return False
    try:
        ip_address(host)
    except ValueError:
        return True
    return False

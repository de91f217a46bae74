"""Opening connections to the app: the one place of the data plane that makes a task."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING

from gateway.config.settings import Address
from gateway.proxy.errors import AppError, AppTimeoutError
from gateway.proxy.upstream import UpstreamConnection

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane


class Connector:
    """Connects to ``address``; the name is looked up anew each time."""

    def __init__(self, plane: DataPlane, address: Address) -> None:
        self._plane = plane
        self._address = address
        self._ssl = ssl.create_default_context() if address.tls else None

    def connect(self, exchange: Exchange) -> None:
        """Open a connection for ``exchange``, and tell it how that went."""

        def failed() -> None:
            exchange.fail(AppError("the app cannot be reached"))

        self._plane.spawn(self._connect(exchange), failed)

    async def _connect(self, exchange: Exchange) -> None:
        seconds = self._plane.settings.timeouts.connect
        try:
            async with asyncio.timeout(seconds):
                connection = await self._open()
        except TimeoutError:
            exchange.fail(AppTimeoutError(f"no connection to the app within {seconds:g} s"))
        except OSError as error:  # refused, unknown host, TLS trouble
            exchange.fail(AppError(f"the app cannot be reached: {error}"))
        else:
            exchange.connected(connection)

    async def _open(self) -> UpstreamConnection:
        plane, address = self._plane, self._address

        def protocol() -> UpstreamConnection:
            return UpstreamConnection(plane)

        if address.path is not None:
            _, connection = await plane.loop.create_unix_connection(protocol, address.path)
        else:
            _, connection = await plane.loop.create_connection(
                protocol, address.host, address.port, ssl=self._ssl
            )
        return connection

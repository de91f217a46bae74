"""The public port: TCP, TLS or a Unix socket."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from gateway.config.settings import Settings
from gateway.proxy.client import ClientConnection
from gateway.proxy.plane import DataPlane

BACKLOG = 2048  # connections the kernel holds while the loop is busy


class Listener:
    """Accepts connections for a data plane."""

    def __init__(self, plane: DataPlane, settings: Settings) -> None:
        self._plane = plane
        self._settings = settings
        self._server: asyncio.Server | None = None

    @property
    def listening(self) -> bool:
        return self._server is not None and self._server.is_serving()

    async def start(self) -> str:
        """Bind and accept; returns the address, with the real port where 0 was asked for.

        Raises OSError where the address is taken or not ours.
        """
        listen, plane = self._settings.listen, self._plane
        context = _context(self._settings)
        # a handshake is a part of the head's time
        handshake = self._settings.timeouts.header if context is not None else None

        def protocol() -> ClientConnection:
            return ClientConnection(plane)

        if listen.path is not None:
            _unlink(listen.path)
            self._server = await plane.loop.create_unix_server(
                protocol,
                listen.path,
                ssl=context,
                backlog=BACKLOG,
                ssl_handshake_timeout=handshake,
            )
            return str(listen)
        self._server = await plane.loop.create_server(
            protocol,
            listen.host or None,
            listen.port,
            ssl=context,
            backlog=BACKLOG,
            ssl_handshake_timeout=handshake,
        )
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def stop(self) -> None:
        """Accept no more; the connections that are there are the plane's."""
        if self._server is not None:
            self._server.close()
            self._server = None


def _unlink(path: str) -> None:
    """Take away a socket left by a process that was killed; never another kind of file."""
    left = Path(path)
    if left.is_socket():
        left.unlink()


def _context(settings: Settings) -> ssl.SSLContext | None:
    if settings.tls is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls.cert, settings.tls.key)
    context.set_alpn_protocols(["http/1.1"])
    return context

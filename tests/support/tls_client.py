"""TLS by hand over a raw client: nothing is read or sent but what the test asks for."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, within


def client_context(ca: Path | None = None) -> ssl.SSLContext:
    """Of a client that believes ``ca`` (None: anybody), and would like HTTP/2 best."""
    context = ssl.create_default_context(cafile=ca)
    if ca is None:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2", "http/1.1"])
    return context


class TlsClient:
    """The client's end of a TLS connection; ``client`` is the raw one below."""

    def __init__(
        self,
        client: RawClient,
        context: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> None:
        self.client = client
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (context or client_context()).wrap_bio(
            self._in, self._out, server_hostname=server_name
        )
        self.text = b""

    async def shake_hands(self) -> None:
        """Raises ssl.SSLError where one side refuses."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                self._in.write(await self.client.some())
            else:
                await self._flush()
                return

    def hello(self) -> bytes:
        """The first flight of the handshake, for the test to send as it likes."""
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self._out.read()

    async def send(self, data: bytes) -> None:
        for start in range(0, len(data), 1 << 16):
            self.tls.write(data[start : start + (1 << 16)])
            await self._flush()

    async def until(self, end: bytes) -> bytes:
        while end not in self.text:
            try:
                self.text += self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                self._in.write(await self.client.some())
        return self.text

    async def say_goodbye(self) -> None:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.unwrap()
        await self._flush()

    def names(self) -> set[str]:
        """The hosts that the certificate shown is made out to; for a context that verifies."""
        shown = self.tls.getpeercert() or {}
        return {str(name) for _, name in shown.get("subjectAltName", ())}  # type: ignore[misc]

    async def _flush(self) -> None:
        await self.client.send(self._out.read())


async def tls_client(
    stage: Stage,
    context: ssl.SSLContext | None = None,
    server_name: str | None = None,
    *,
    first: bytes = b"",
    make: Callable[..., TlsClient] = TlsClient,
) -> TlsClient:
    """A new connection after its handshake; ``first`` is sent before that."""
    raw = await stage.client()
    if first:
        await raw.send(first)
    client = make(raw, context, server_name)
    await within(client.shake_hands(), "a TLS handshake")
    return client

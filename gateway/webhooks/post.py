"""Sends messages: one POST each, over connections that are of no other part of the gateway."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import aiohttp

from gateway.config.settings import Webhook
from gateway.webhooks.message import Message
from gateway.webhooks.outcome import Outcome, judge, unreached

MOST_BYTES = 65_536  # of an answer that are read, so that its connection can be kept
MOST_CONNECTIONS = 20


class Post:
    """For a ``with`` block. ``clock`` is seconds since the epoch.

    An address is never in what is told of a failure: Slack's are secrets.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=MOST_CONNECTIONS),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def send(self, webhook: Webhook, message: Message) -> Outcome:
        """One try, within the webhook's ``timeout``."""
        assert self._session is not None  # noqa: S101 entered
        now = self._clock()
        try:
            async with self._session.post(
                webhook.url,
                data=message.body,
                headers=message.fields(webhook.secret, now),
                timeout=aiohttp.ClientTimeout(total=webhook.timeout),
                allow_redirects=False,
            ) as response:
                await _read(response)
                return judge(response.status, response.headers.get("Retry-After"), now)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return unreached(_why(error, webhook.timeout))


async def _read(response: aiohttp.ClientResponse) -> None:
    left = MOST_BYTES
    while left > 0 and (chunk := await response.content.read(left)):
        left -= len(chunk)
    if left <= 0:
        response.close()  # whatever else it has to say is not waited for


def _why(error: Exception, timeout: float) -> str:
    # In words of our own: those of the client name the address.
    match error:
        case TimeoutError():
            return f"no answer within {timeout:g} s"
        case aiohttp.ClientConnectorDNSError():
            return "its name cannot be resolved"
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLCertVerificationError():
            return "its certificate is not believed"
        case aiohttp.ClientSSLError():
            return "TLS failed"
        case aiohttp.ClientConnectorError():
            number = error.os_error.errno  # none where each of its addresses failed otherwise
            return f"no connection: {os.strerror(number) if number else 'at no address'}"
        case _:
            return f"the connection broke ({type(error).__name__})"

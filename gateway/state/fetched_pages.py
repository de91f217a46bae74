"""The pages of ``page.url``: fetched in the background and kept, never while a visitor waits.

Theory of operation. All addresses that the settings name are fetched at the start, at each edit
and from time to time. A page counts only whole, as HTML and within bounds; where it cannot be had
the last good copy stays, and before the first there is none: then visitors get the built-in page.
The addresses are the operator's own, and nothing that a visitor sends is in the request.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import aiohttp

from gateway.config.settings import Settings

PERIOD, RETRY = 300.0, 15.0  # seconds between fetches, and after one that failed
PATIENCE = 10.0  # seconds for a page, redirects and all
MOST_BYTES = 1_048_576
MOST_REDIRECTS = 3

_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_log = logging.getLogger("gateway.pages")


class Unusable(Exception):  # noqa: N818 an outcome: there was an answer, and it is no page
    """What came is no page to be shown."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """One address. ``at`` (seconds since the epoch) is when ``text`` came; ``error``: why no more.

    Both ``None``: it has not been fetched yet.
    """

    url: str
    text: str | None = None
    at: float | None = None
    error: str | None = None

    @property
    def shown_url(self) -> str:
        """Without its query, which may hold a key."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()


class FetchedPages:
    """``wanted`` says which addresses are; ``tell`` is given all copies whenever one changed."""

    def __init__(
        self,
        wanted: Callable[[], frozenset[str]],
        tell: Callable[[Mapping[str, str]], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._wanted = wanted
        self._tell = tell
        self._clock = clock
        self._pages: dict[str, Fetched] = {}
        self._edited = asyncio.Event()

    @property
    def pages(self) -> list[Fetched]:
        """Every address with what is known of it."""
        return [self._pages.get(url, Fetched(url)) for url in sorted(self._wanted())]

    def edited(self) -> None:
        """The settings may name others by now."""
        if self._wanted() != self._pages.keys():
            self._edited.set()

    async def run(self) -> None:
        """Fetch and keep, until cancelled."""
        timeout = aiohttp.ClientTimeout(total=PATIENCE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                self._edited.clear()
                await self._fetch_all(session)
                failed = any(page.error for page in self._pages.values())
                with suppress(TimeoutError):
                    async with asyncio.timeout(RETRY if failed else PERIOD):
                        await self._edited.wait()

    async def _fetch_all(self, session: aiohttp.ClientSession) -> None:
        before = {url: self._pages.get(url, Fetched(url)) for url in sorted(self._wanted())}
        found = await asyncio.gather(*(self._fetch(session, page) for page in before.values()))
        self._pages = dict(zip(before, found, strict=True))
        self._tell({page.url: page.text for page in found if page.text is not None})

    async def _fetch(self, session: aiohttp.ClientSession, page: Fetched) -> Fetched:
        try:
            text = await fetch(session, page.url)
        except (aiohttp.ClientError, TimeoutError, Unusable, OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            if page.error is None:
                kept = "the last copy is shown" if page.text else "the built-in page is shown"
                _log.warning("page.url %s cannot be had (%s); %s", page.shown_url, why, kept)
            return replace(page, error=why)
        if page.error is not None:
            _log.warning("page.url %s is there again", page.shown_url)
        return replace(page, text=text, at=self._clock(), error=None)


def pages_to_fetch(settings: Settings) -> frozenset[str]:
    """All addresses that the settings name."""
    pages = (settings.page, *(flag.page for flag in settings.flags))
    return frozenset(page.url for page in pages if page.url is not None)


async def fetch(session: aiohttp.ClientSession, url: str) -> str:
    """The page at ``url``. Raises ``Unusable``, ``ClientError``, TimeoutError, ValueError."""
    accept = {"Accept": "text/html,application/xhtml+xml"}
    async with session.get(url, headers=accept, max_redirects=MOST_REDIRECTS) as response:
        if response.status != 200:
            raise Unusable(f"it answered {response.status}")
        if response.content_type not in _TYPES:
            raise Unusable(f"it is {response.content_type}, not text/html")
        if url.startswith("https:") and response.url.scheme != "https":
            raise Unusable("it was redirected to an address without TLS")
        body = bytearray()
        async for chunk in response.content.iter_chunked(65_536):
            body += chunk
            if len(body) > MOST_BYTES:
                raise Unusable(f"it is larger than {MOST_BYTES} bytes")
        try:
            text = body.decode(response.charset or "utf-8")
        except LookupError as error:
            raise Unusable("it is in an unknown encoding") from error
    if not text.strip():
        raise Unusable("it is empty")
    return text

"""The visitors: one a user, who logs in and then searches or looks at their notes, for ever.

``python -m story.clients URL USERS RATE FILE`` runs until SIGTERM. Each answer is a line of FILE:
``[user, path, sent, received, status, flag, found, replica]``, times in seconds of the wall clock,
``flag`` as in ``X-Maintenance``, ``found`` as the page says.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import aiohttp

SEARCHES = 0.75  # of all requests; the others are for the notes
WORD = "invoice"
PATIENCE = aiohttp.ClientTimeout(total=60)
Told = tuple[int, str | None, int | None, str | None]  # status, flag, found, replica

_FOUND = re.compile(rb"<h1>(\d+) notes with")


class Visitor:
    """One user with a cookie jar. ``pause`` is seconds between two requests, on the average."""

    def __init__(self, user: str, url: str, pause: float, out: TextIO) -> None:
        self._user, self._url, self._pause, self._out = user, url, pause, out
        self._chance = random.Random(user)  # noqa: S311 the same visitors each time

    async def stay(self, connector: aiohttp.BaseConnector, leaving: asyncio.Event) -> None:
        """Until all leave. What has been asked by then is waited for."""
        jar = aiohttp.CookieJar(unsafe=True)  # cookies of an IP address
        async with aiohttp.ClientSession(
            connector=connector, connector_owner=False, cookie_jar=jar, timeout=PATIENCE
        ) as session:
            await _left(leaving, self._chance.uniform(0, self._pause))
            login = {"user": self._user}
            async with session.post(f"{self._url}/login", data=login) as answer:
                await answer.read()
            while not await _left(leaving, self._chance.uniform(0.5, 1.5) * self._pause):
                await self._ask(session)

    async def _ask(self, session: aiohttp.ClientSession) -> None:
        search = self._chance.random() < SEARCHES
        path = "/search" if search else "/notes"
        query = {"q": WORD} if search else None
        sent = time.time()
        try:
            async with session.get(f"{self._url}{path}", params=query) as answer:
                told = _told(answer, await answer.read())
        except (aiohttp.ClientError, TimeoutError):
            told = 0, None, None, None
        self._out.write(f"{json.dumps([self._user, path, sent, time.time(), *told])}\n")


def _told(answer: aiohttp.ClientResponse, body: bytes) -> Told:
    found = _FOUND.search(body)
    number = int(found[1]) if found else None
    fields = answer.headers
    return answer.status, fields.get("X-Maintenance"), number, fields.get("X-Replica")


async def _left(leaving: asyncio.Event, within: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(leaving.wait(), within)
    return leaving.is_set()


async def visit(url: str, users: int, rate: float, file: Path) -> None:
    """``rate`` is requests a second of all of them together, at most."""
    leaving = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, leaving.set)
    with file.open("a", buffering=1) as out:  # a line at a time, as others read along
        async with aiohttp.TCPConnector(limit=0) as connector, asyncio.TaskGroup() as group:
            for number in range(1, users + 1):
                visitor = Visitor(f"user-{number:03}", url, users / rate, out)
                group.create_task(visitor.stay(connector, leaving))


if __name__ == "__main__":
    address, count, speed, path = sys.argv[1:]
    asyncio.run(visit(address, int(count), float(speed), Path(path)))

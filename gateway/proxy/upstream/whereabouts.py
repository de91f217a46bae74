"""Where the app is: the addresses of its name, known before they are needed.

Theory of operation. A name is looked up beside the requests, never for one: every ``REFRESH``
seconds, since the system's resolver does not tell for how long an answer holds, and soon after a
connection has failed. Only where nothing is known yet does a connection wait for the answer. A
lookup that fails leaves what is known. Connections to an address that is named no more take no
further request.

Of several addresses the next is tried as soon as one fails, or has not answered for a moment
(RFC 8305), and one that did not is tried last for a while: so a dead one costs one connection
that moment, and no request.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from aiohappyeyeballs import AddrInfoType, start_connection

from gateway.config.settings import Address

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane

REFRESH = 5.0  # seconds between two lookups
SOONEST = 0.5  # seconds, where connections fail
MOMENT = 0.25  # seconds until the next address is tried beside one that does not answer
AVOIDED = 30.0  # seconds for which that one is then tried last

Resolve = Callable[[str, int], Awaitable[Sequence[AddrInfoType]]]

log = logging.getLogger("gateway.proxy")


class Whereabouts:
    """The addresses of ``address``, whose host is a name. ``resolve`` is the system's resolver."""

    def __init__(self, plane: DataPlane, address: Address, resolve: Resolve | None = None) -> None:
        self._plane = plane
        self._address = address
        self._resolve = resolve or self._ask_system
        self._places: Sequence[AddrInfoType] = ()
        self._avoided: dict[str, float] = {}  # until when, on the plane's clock
        self._lookup: asyncio.Task[None] | None = None
        self._failed = asyncio.Event()
        self._why = ""  # the last lookup failed

    async def follow(self) -> None:
        """Look the name up again and again."""
        while True:
            await self.look_up()
            await asyncio.sleep(SOONEST)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH - SOONEST):
                    await self._failed.wait()
            self._failed.clear()

    async def look_up(self) -> None:
        """Ask now; one lookup serves all who wait for it."""
        if self._lookup is None:
            self._lookup = self._plane.spawn(self._ask(), self._asked)
            self._lookup.add_done_callback(lambda _task: self._asked())
        await asyncio.shield(self._lookup)

    async def connect(self) -> socket.socket:
        """A connected socket. Raises OSError."""
        if not self._places:
            await self.look_up()
        places = self._in_order()
        if not places:
            raise OSError(f"its name is not resolved: {self._why}")
        try:
            made = await start_connection(places, happy_eyeballs_delay=MOMENT, interleave=0)
        except OSError:
            self._failed.set()
            raise
        with contextlib.suppress(OSError):  # it has ended already
            self._avoid_before(made.getpeername()[0].partition("%")[0], places)
        return made

    async def _ask(self) -> None:
        host, port = self._address.host, self._address.port
        try:
            found = await self._resolve(host, port)
        except (OSError, ValueError) as error:  # unknown, or no name that can be asked for
            goes_on = ", its last known addresses go on" if self._places else ""
            self._plane.trouble.warning(f"the app's name is not resolved{goes_on}: {host}: {error}")
            self._why = str(error)
            return
        self._take(tuple(dict.fromkeys(found)))

    def _asked(self) -> None:
        self._lookup = None

    def _take(self, places: Sequence[AddrInfoType]) -> None:
        before, now = _hosts(self._places), _hosts(places)
        self._places = places
        if before and before != now:
            log.info("%s is now at %s", self._address.host, ", ".join(sorted(now)))
        for connection in tuple(self._plane.upstreams):
            if connection.host not in now:
                connection.let_go()

    async def _ask_system(self, host: str, port: int) -> Sequence[AddrInfoType]:
        return await self._plane.loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)

    def _in_order(self) -> Sequence[AddrInfoType]:
        now, avoided = self._plane.time(), self._avoided
        return sorted(self._places, key=lambda place: avoided.get(_host(place), 0.0) > now)

    def _avoid_before(self, host: str, places: Sequence[AddrInfoType]) -> None:
        self._avoided.pop(host, None)
        for place in places:
            if _host(place) == host:
                return
            self._avoided[_host(place)] = self._plane.time() + AVOIDED


def _host(place: AddrInfoType) -> str:
    return str(place[4][0]).partition("%")[0]


def _hosts(places: Sequence[AddrInfoType]) -> set[str]:
    return set(map(_host, places))

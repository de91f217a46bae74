"""Seats requests that have to wait, and calls them when it is their turn.

Theory of operation. The body of a request that waits is not read: nothing more is read of its
connection at all, so that what it costs is its head, and what came along with that. A client
that leaves is therefore looked for (one poll of all who wait, five times a second), as are new
snapshots, times that are up, and turns. Nothing of this happens while nobody waits.

A request that waits has not been admitted: it is in no in-flight table, the app has not a byte of
it, and it holds up no drain. Whoever's turn it is is decided anew, by the snapshot of that moment,
and enters the table in the same step, as if it had just arrived.
"""

from __future__ import annotations

import asyncio
import select
from typing import TYPE_CHECKING

from gateway.config.settings import OnAppDown
from gateway.core.decision import Hold, decide
from gateway.core.snapshot import Snapshot
from gateway.proxy.hold.waiting_room import THE_APP, Ticket, WaitingRoom

if TYPE_CHECKING:
    from gateway.proxy.client.visitor import Visitor
    from gateway.proxy.plane import DataPlane
    from gateway.proxy.wire.request import RequestHead

# Seconds between two looks at whether the app is back.
FIRST_KNOCK, LAST_KNOCK = 0.1, 1.0

# The client has ended its side. Linux tells it from data that is not read; others tell an end
# of both sides alone.
_LEFT = getattr(select, "POLLRDHUP", 0) | select.POLLHUP | select.POLLERR


class Usher:
    """Of one data plane."""

    def __init__(self, plane: DataPlane) -> None:
        self.room = WaitingRoom()
        self._plane = plane
        self._seen: Snapshot | None = None  # by which all who wait have been judged
        self._knocking: asyncio.Task[None] | None = None

    def seat(
        self,
        client: Visitor,
        request: RequestHead,
        decision: Hold,
        snapshot: Snapshot,
        *,
        ahead: int,
    ) -> Ticket | None:
        """A place for a request that a flag holds; None: there is none, so it is refused.

        ``ahead`` is how many bytes have come beside its head.
        """
        view = snapshot.view(decision.flag)
        assert view is not None  # noqa: S101 a decision names a flag of its own snapshot
        now = self._plane.time()
        ticket = _ticket(client, request, now, ahead)
        if not self.room.enter(ticket, decision.flag, view.flag.hold, now):
            return None
        ticket.decision = decision
        self._plane.tally.hold(decision.flag)
        if snapshot is not self._seen:
            self._seen = None
        return ticket

    def seat_for_app(
        self, client: Visitor, request: RequestHead, *, ahead: int, sent: bool
    ) -> Ticket | None:
        """A place for a request of which the app, that cannot be reached, has nothing."""
        now = self._plane.time()
        ticket = _ticket(client, request, now, ahead)
        ticket.sent |= sent
        ticket.forwarded = True
        ticket.decision = None
        if not self.room.enter(ticket, THE_APP, self._plane.settings.hold, now):
            return None
        self._plane.tally.hold(THE_APP)
        if self._knocking is None:
            self._knocking = self._plane.spawn(self._knock(), self._stop_knocking)
        return ticket

    @property
    def waits_for_app(self) -> bool:
        """Whether requests wait while the app cannot be reached."""
        return self._plane.settings.on_app_down is OnAppDown.HOLD

    def look(self, now: float) -> None:
        """Call whoever's turn it is at ``now``, on the plane's clock."""
        if not self.room:
            return
        self._call(self._review(), now)
        self._call(self._left(), now, last=True)
        self._call(self.room.due(now), now)

    def close(self) -> None:
        """This process ends: nobody waits on."""
        self._call(self.room.close(), self._plane.time(), last=True)

    def _call(self, tickets: list[Ticket], now: float, *, last: bool = False) -> None:
        for ticket in tickets:
            ticket.last_call |= last
            waited = now - ticket.entered
            ticket.waited += waited
            ticket.client.come_in(ticket.request, waited)

    def _review(self) -> list[Ticket]:
        snapshot = self._plane.live.current()
        if snapshot is self._seen:
            return []
        self._seen = snapshot
        now = self._plane.wall_time()
        return self.room.review(lambda request: decide(request, snapshot, now))

    def _left(self) -> list[Ticket]:
        # Measured: 1.5 to 2.5 ms for 1,000 who wait, on a busy machine.
        waiting: dict[int, Ticket] = {}
        watch = select.poll()
        for ticket in self.room:
            number = ticket.client.transport.get_extra_info("socket").fileno()
            waiting[number] = ticket
            watch.register(number, _LEFT)
        left = [waiting[number] for number, _ in watch.poll(0)]
        for ticket in left:
            ticket.cancel()
            ticket.left = True
        return left

    async def _knock(self) -> None:
        plane, pause = self._plane, FIRST_KNOCK
        while self.room.count(THE_APP):
            await asyncio.sleep(pause)
            pause = min(2 * pause, LAST_KNOCK)
            if (connection := await plane.connector.knock()) is not None:
                connection.release(plane.time())
                self.room.app_is_back()
                break
        self._knocking = None

    def _stop_knocking(self) -> None:
        self._knocking = None


def _ticket(client: Visitor, request: RequestHead, now: float, ahead: int) -> Ticket:
    """The one that the request has already, or a new one."""
    if client.ticket is None or client.ticket.request is not request:
        client.ticket = Ticket(client, request, now)
    client.ticket.entered = now
    client.ticket.size = len(request.block.raw) + ahead
    return client.ticket

"""A client's line with a request on it that may have to wait until it is decided.

Three things are waited for: the store's answer (a flag with TTL 0), the end of a flag in mode
``hold``, and an app that is down. The request is as if it had not arrived yet: what came of its
body, and what follows it, stays unread in the buffer, and all of it is read once it is decided.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from gateway.core.decision import Decision, HeldBack, Hold, must_ask
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.proxy.client.speaker import Speaker
from gateway.proxy.deadlines import NEVER
from gateway.proxy.hold.waiting_room import Ticket
from gateway.proxy.wire.body import NO_BODY, BodyReader
from gateway.proxy.wire.errors import ClientError, FramingError
from gateway.proxy.wire.request import RequestHead
from gateway.telemetry.tally import Waited

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane


class Visitor(Speaker, ABC):
    """``_undecided`` is what is waited for before the request is decided."""

    __slots__ = ("_body", "_exchange", "_undecided")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._body: BodyReader = NO_BODY
        self._exchange: Exchange | None = None
        self._undecided: asyncio.Task[None] | Ticket | None = None

    def come_in(self, request: RequestHead, waited: float) -> None:
        """It waits no longer for a flag or the app: it is decided as if it had just arrived.

        ``waited``: for so many seconds.
        """
        self.began += waited
        snapshot = self._plane.live.current()
        if snapshot.asks and must_ask(request, snapshot):
            self._undecided = self._plane.spawn(self._ask(request), self.reset)
        else:
            self._decide_now(request, snapshot)

    def await_app(self, taken: bytes, *, sent: bool) -> bool:
        """The app has nothing of the request, not what was ``taken`` of its body either.

        False: there is no place to wait.
        """
        request = self.request
        assert request is not None  # noqa: S101 its exchange is under way
        if self._eof:
            return False
        ahead = taken + self._body.withheld() + self._buffer
        place = self._plane.usher.seat_for_app(self, request, ahead=len(ahead), sent=sent)
        if place is None:
            return False
        self._exchange = None
        self._undecided = place
        self._app_slow = False
        self.deadline = NEVER
        self._buffer = ahead
        self._body = request.body()
        self._pause()
        return True

    @property
    def was_sent(self) -> bool:
        """Whether bytes of the request went out once already, before it waited."""
        ticket = self.its_ticket
        return ticket is not None and ticket.sent

    @property
    def was_forwarded(self) -> bool:
        """Whether the request was let go on to the app before, which could not be reached."""
        ticket = self.its_ticket
        return ticket is not None and ticket.forwarded

    async def _ask(self, request: RequestHead) -> None:
        """A flag with TTL 0: the store is asked before anything is decided."""
        self._decide_now(request, await self._plane.live.fresh())

    def _hold(self, request: RequestHead, decision: Hold, rest: bytes, snapshot: Snapshot) -> bytes:
        """Let it wait, and read nothing more; without a place to wait, refuse it."""
        seat = self._plane.usher.seat
        place = None if self._eof else seat(self, request, decision, snapshot, ahead=len(rest))
        if place is None:
            return self._refuse(request, decision, rest, snapshot)
        self._undecided = place
        self._pause()
        return rest

    def _refuse(
        self, request: RequestHead, decision: HeldBack, rest: bytes, snapshot: Snapshot
    ) -> bytes:
        plane = self._plane
        plane.tally.refuse(decision.flag)
        return self._reply(request, plane.refusal(decision, request, snapshot), rest, decision)

    def _decide_now(self, request: RequestHead, snapshot: Snapshot) -> None:
        self._undecided = None
        rest, self._buffer = self._buffer, b""
        self._resume()  # before the app may stop it again
        try:
            rest = self._decided(request, rest, snapshot)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        finally:
            self._count_wait()
        if rest:
            self._take(rest)
        self._end_if_done()

    def _count_wait(self) -> None:
        """It has just been decided what becomes of it, if it has waited and does not wait on."""
        ticket = self.its_ticket
        if ticket is None or ticket.lane is not None:
            return
        if ticket.left:
            outcome = Waited.LEFT
        else:
            outcome = Waited.REFUSED if self._exchange is None else Waited.FORWARDED
        self._count_wait_of(ticket, outcome)

    def _wait_no_more(self) -> None:
        """The client is gone."""
        if self._undecided is not None:
            self._undecided.cancel()
        if isinstance(self._undecided, Ticket):
            waited = self._plane.time() - self._undecided.entered
            self._undecided.waited += waited
            self.began += waited
            self._count_wait_of(self._undecided, Waited.LEFT)
        if self._undecided is not None and self._plane.witness is not None:
            self._plane.witness.left(self)
        self._undecided = self.ticket = None

    def _count_wait_of(self, ticket: Ticket, outcome: Waited) -> None:
        # One that is let go to an app that is gone again waits, and is counted, once more.
        self._plane.tally.held_times[outcome].add(ticket.waited - ticket.counted)
        ticket.counted = ticket.waited

    # The connection's side

    @abstractmethod
    def _decided(self, request: RequestHead, rest: bytes, snapshot: Snapshot) -> bytes:
        """Decide by a snapshot, and act; returns what follows the request."""

    @abstractmethod
    def _reply(
        self, request: RequestHead, answer: Answer, rest: bytes, decision: Decision
    ) -> bytes:
        """Answer in the app's place; returns what follows the request."""

    @abstractmethod
    def _refuse_broken(self, error: ClientError | FramingError) -> None:
        """Nothing that follows can be understood."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """Serve what has come."""

    @abstractmethod
    def _end_if_done(self) -> None:
        """End the connection where nothing more is to come over it."""

"""A client's line with a request on it that may have to wait until it is decided.

Three things are waited for: the store's answer (a flag with TTL 0), the end of a flag in mode
``hold``, and an app that is down. The request is as if it had not arrived yet: what came of its
body, and what follows it, stays unread in the buffer, and all of it is read once it is decided.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from gateway.core.decision import HeldBack, Hold, must_ask
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.proxy.client.speaker import Speaker
from gateway.proxy.deadlines import NEVER
from gateway.proxy.hold.waiting_room import Ticket
from gateway.proxy.wire.body import NO_BODY, BodyReader
from gateway.proxy.wire.errors import ClientError, FramingError
from gateway.proxy.wire.request import RequestHead

if TYPE_CHECKING:
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane


class Visitor(Speaker, ABC):
    """``ticket`` is that of the last request that had to wait for a flag or the app."""

    __slots__ = ("_body", "_exchange", "_undecided", "ticket")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._body: BodyReader = NO_BODY
        self._exchange: Exchange | None = None
        self._undecided: asyncio.Task[None] | Ticket | None = None  # what is waited for
        self.ticket: Ticket | None = None

    def come_in(self, request: RequestHead) -> None:
        """It waits no longer for a flag or the app: it is decided as if it had just arrived."""
        snapshot = self._plane.live.current()
        if snapshot.asks and must_ask(request, snapshot):
            self._undecided = self._plane.spawn(self._ask(request), self.reset)
        else:
            self._decide_now(request, snapshot)

    def await_app(self, taken: bytes, *, sent: bool) -> bool:
        """The app has nothing of the request, not what was ``taken`` of its body either.

        False: there is no place to wait.
        """
        request = self._request
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
        ticket = self.ticket
        return ticket is not None and ticket.request is self._request and ticket.sent

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
        self._plane.tally.refuse(decision.flag)
        return self._reply(request, self._plane.refusal(decision, request, snapshot), rest)

    def _decide_now(self, request: RequestHead, snapshot: Snapshot) -> None:
        self._undecided = None
        rest, self._buffer = self._buffer, b""
        self._resume()  # before the app may stop it again
        try:
            rest = self._decided(request, rest, snapshot)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        if rest:
            self._take(rest)
        self._end_if_done()

    # The connection's side

    @abstractmethod
    def _decided(self, request: RequestHead, rest: bytes, snapshot: Snapshot) -> bytes:
        """Decide by a snapshot, and act; returns what follows the request."""

    @abstractmethod
    def _reply(self, request: RequestHead, answer: Answer, rest: bytes) -> bytes:
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

"""A client as the sender of a body: what becomes of it, and how long it may take.

A body is read into the exchange under way, piece by piece. Of a request that was answered already
the rest is read and dropped, up to a bound, so that the connection can be kept.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from gateway.proxy.client.uploads import check_size, fast_enough, patience
from gateway.proxy.client.visitor import Visitor
from gateway.proxy.deadlines import NEVER
from gateway.proxy.wire.body import BodyReader
from gateway.proxy.wire.errors import ClientError, FramingError

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane

DISCARD = 65_536  # bytes of a refused body that are read, so that the connection can be kept


class Sender(Visitor, ABC):
    """``_refused``: the request is answered already; the rest of its body is read and dropped."""

    __slots__ = ("_body_seen", "_refused")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._body_seen = 0  # bytes of a body that had come when its pace was last looked at
        self._refused = False

    def go_on(self) -> None:
        """The app has caught up."""
        self._app_slow = False
        self._read_on()

    def _take_body(self, data: bytes) -> None:
        body = self._body
        try:
            out = body.feed(data)
            check_size(body.received, self._plane.settings.limits)
        except (ClientError, FramingError) as error:
            self._refuse_broken(error)
            return
        exchange = self._exchange
        if exchange is None:
            self._take_refused(body)
            return
        if body.done:
            self.deadline = NEVER
        self._buffer = body.surplus
        exchange.upload(out, whole=body.done)

    def _take_refused(self, body: BodyReader) -> None:
        if body.done:
            self._refused = False
            self._wait_for_client()
            if body.surplus:
                self._take(body.surplus)
            self._end_if_done()
        elif body.received > DISCARD:
            self.finish(linger=True)

    def _wait_for_body(self) -> None:
        """The client has so long for its part of the body; a trickle moves nothing."""
        plane = self._plane
        self._body_seen = seen = self._body.received
        self.deadline = plane.time() + patience(plane.settings.timeouts, self.request, seen)

    def _uploads(self) -> bool:
        body = self._body
        more = body.received - self._body_seen
        return not body.done and fast_enough(more, self._plane.settings)

    def _read_on(self) -> None:
        if not (self._app_slow or self._unsent or self._body.done):
            self._wait_for_body()
        self._resume()

    # The connection's side

    @abstractmethod
    def _wait_for_client(self) -> None:
        """The client has so long for its next request."""

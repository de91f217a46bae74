"""Exchanges that remember what the access log says of them.

In place of the plain ones where there is such a log, so that where there is none it costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

from gateway.proxy.exchange import Exchange
from gateway.proxy.notice.noticed import NoticedExchange
from gateway.proxy.notice.reminding import RemindingExchange
from gateway.proxy.wire.body import BodyReader
from gateway.proxy.wire.response import ResponseHead


class LoggedExchange(Exchange):
    """Remembers ``status``, ``size`` (bytes of the body as sent) and ``app_seconds``."""

    def answer(self, head: ResponseHead, body: BodyReader, first: bytes) -> None:
        self.status, self.size = head.status, len(first)
        super().answer(head, body, first)

    def answer_whole(self, status: int, data: bytes, begin: int, came: float) -> None:
        self.status, self.size = status, len(data) - begin
        self.app_seconds = came - self.sent
        super().answer_whole(status, data, begin, came)

    def relay(self, data: bytes) -> None:
        if self.client is not None:
            self.size += len(data)
        super().relay(data)

    def _measured(self, status: int) -> None:
        super()._measured(status)
        if self.upstream is not None:
            self.status, self.app_seconds = status, self.upstream.came - self.sent

    def _unanswered(self) -> None:
        super()._unanswered()
        if self.sent:
            self.app_seconds = self._plane.time() - self.sent


class LoggedNoticedExchange(NoticedExchange, LoggedExchange):
    """The bytes with the notice in them are what is counted."""


class LoggedRemindingExchange(RemindingExchange, LoggedExchange):
    """The same of a reminder."""


class Kinds(NamedTuple):
    """What requests that go on become."""

    plain: type[Exchange] = Exchange
    noticed: type[NoticedExchange] = NoticedExchange
    reminding: type[RemindingExchange] = RemindingExchange


LOGGED = Kinds(LoggedExchange, LoggedNoticedExchange, LoggedRemindingExchange)

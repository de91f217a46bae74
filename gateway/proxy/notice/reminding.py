"""An exchange whose answer says that it got past flags, so that nobody forgets it."""

from __future__ import annotations

from gateway.proxy.notice.html_answers import unkept
from gateway.proxy.notice.noticed import NoticedExchange
from gateway.proxy.wire.body import BodyReader
from gateway.proxy.wire.response import ResponseHead


class RemindingExchange(NoticedExchange):
    """``bypassed`` names the flags. No cache may give the answer to anybody else."""

    bypassed = b""

    def answer(self, head: ResponseHead, body: BodyReader, first: bytes) -> None:
        head.kept = unkept(head) + self._line
        super().answer(head, body, first)

    def switch(self, head: ResponseHead, rest: bytes) -> None:
        head.kept += self._line
        super().switch(head, rest)

    @property
    def _line(self) -> bytes:
        return b"X-Maintenance-Bypass: %b\r\n" % self.bypassed

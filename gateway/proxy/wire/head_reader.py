"""Cutting heads out of a client's byte stream, within bounds and without rescanning."""

from __future__ import annotations

from gateway.proxy.wire.errors import ClientError, bad_request
from gateway.proxy.wire.grammar import BARE_LF, NOT_A_METHOD
from gateway.proxy.wire.request import wish_fields

END = b"\r\n\r\n"


class HeadReader:
    """Holds the part of a head that has come. The plain case, a whole head, copies once.

    One empty line ahead of a head is passed over (RFC 9112, 2.2); it is no part of it.
    """

    __slots__ = ("_blank", "_held", "begun")

    def __init__(self) -> None:
        self._held = bytearray()
        self._blank = False  # the empty line has been there
        self.begun = False  # something has come since the last head ended

    @property
    def partial(self) -> bool:
        """Some of a head has come, but not all."""
        return bool(self._held)

    def feed(self, data: bytes, limit: int) -> tuple[bytes, bytes] | None:
        """The next head and what follows it, or None until the rest has come.

        Raises ClientError: longer than ``limit`` bytes, or no head that HTTP/1.1 knows.
        """
        if self._held:
            return self._feed_more(data, limit)
        if data[:1] == b"\r" and not (data := self._skip_blank(data)):
            return None
        end = data.find(END)
        if 0 <= end <= limit - 4:
            self._blank = self.begun = False
            return data[: end + 4], data[end + 4 :]
        if end < 0 and len(data) <= limit:
            _check(data, 0)
            self._held += data
            self.begun = True
            return None
        raise _too_large(data, limit)

    def clear(self) -> None:
        self._held.clear()
        self._blank = self.begun = False

    def _skip_blank(self, data: bytes) -> bytes:
        self.begun = True
        if data == b"\r" and not self._blank:
            self._held += data
            return b""
        if self._blank or data[1:2] != b"\n":
            raise bad_request("this is not HTTP/1.1")
        self._blank = True
        return data[2:]

    def _feed_more(self, data: bytes, limit: int) -> tuple[bytes, bytes] | None:
        held = self._held
        if held == b"\r":  # half an empty line
            held.clear()
            return self.feed(b"\r" + data, limit)
        seen = len(held)
        held += data
        end = held.find(END, max(0, seen - 3))
        if end < 0 and len(held) <= limit:
            _check(held, max(0, seen - 1))
            return None
        if end < 0 or end > limit - 4:
            raise _too_large(bytes(held), limit)
        whole = bytes(held)
        self.clear()
        return whole[: end + 4], whole[end + 4 :]


def _check(data: bytes | bytearray, start: int) -> None:
    """Refuse at once what can never become a head, rather than wait for its end."""
    if NOT_A_METHOD.match(data) or BARE_LF.search(data, start):
        raise bad_request("this is not HTTP/1.1")


def _too_large(data: bytes, limit: int) -> ClientError:
    if data.find(b"\r\n", 0, limit) < 0:
        return ClientError(414, "URI too long", "the request line is too long")
    error = ClientError(431, "Request header fields too large", "the head is too long")
    error.fields = wish_fields(data)
    return error

"""One direction of a WebSocket: where its frames end, so that a Close can be put between two.

Theory of operation. Of each frame (RFC 6455, 5.2) only the length is of interest: 2 to 14 bytes
of head, then the payload. All bytes go by untouched. Once the stream is told to end it lets
pass what is left of the frame under way, then says Close itself and lets nothing more pass. A
control frame may stand between the fragments of a message (5.4) and is never compressed, so
every boundary will do. After a Close of its own a side sends nothing more (5.5.1): then none is
added. What is no WebSocket never comes to a boundary that means anything; who waits for one
has to have a time-out.
"""

from __future__ import annotations

import secrets

RESTART = 1012  # "service restart", of IANA's registry of close codes: come again later

_CLOSE = 0x8
_FINAL = 0x80
_MASKED = 0x80
_LONGEST_HEAD = 14


def close_frame(code: int, *, masked: bool) -> bytes:
    """A Close; what goes to a server is masked, with a mask nobody can guess (5.3)."""
    payload = code.to_bytes(2, "big")
    if not masked:
        return bytes((_FINAL | _CLOSE, len(payload))) + payload
    mask = secrets.token_bytes(4)
    hidden = bytes(byte ^ mask[index] for index, byte in enumerate(payload))
    return bytes((_FINAL | _CLOSE, _MASKED | len(payload))) + mask + hidden


class FrameStream:
    """The bytes that go one way. ``over``: it has been ended, and nothing more passes."""

    __slots__ = ("_closed", "_ending", "_head", "_left", "_masked", "over")

    def __init__(self, *, masked: bool) -> None:
        self._masked = masked
        self._head = b""  # what has come of a frame's head
        self._left = 0  # bytes of payload that are still to come
        self._closed = False  # a Close has passed, or has begun to
        self._ending = False
        self.over = False

    def feed(self, data: bytes) -> bytes:
        """Take what has come, return what goes on."""
        if self.over:
            return b""
        position, size = 0, len(data)
        while position < size:
            if self._left:
                step = min(self._left, size - position)
                self._left -= step
                position += step
            else:
                position = self._take_head(data, position)
            if self._ending and self._at_boundary:
                return data[:position] + self._end()
        return data

    def restart(self) -> bytes:
        """End at the next boundary: what is to be sent for that now. Idempotent."""
        self._ending = True
        return self._end() if self._at_boundary and not self.over else b""

    @property
    def _at_boundary(self) -> bool:
        return not self._left and not self._head

    def _end(self) -> bytes:
        self.over = True
        return b"" if self._closed else close_frame(RESTART, masked=self._masked)

    def _take_head(self, data: bytes, position: int) -> int:
        known = len(self._head)
        head = self._head + data[position : position + _LONGEST_HEAD - known]
        size = _head_size(head)
        if len(head) < size:
            self._head = head
            return position + len(head) - known
        self._head = b""
        self._left = _payload_size(head)
        self._closed = self._closed or head[0] & 0x0F == _CLOSE
        return position + size - known


def _head_size(head: bytes) -> int:
    if len(head) < 2:
        return 2
    extended = {126: 2, 127: 8}.get(head[1] & 0x7F, 0)
    return 2 + extended + (4 if head[1] & _MASKED else 0)


def _payload_size(head: bytes) -> int:
    match head[1] & 0x7F:
        case 126:
            return int.from_bytes(head[2:4], "big")
        case 127:
            return int.from_bytes(head[2:10], "big")
        case size:
            return size

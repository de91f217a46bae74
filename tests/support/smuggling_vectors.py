"""A request made so that two readers differ, and what must become of it.

``HIDDEN`` follows most of them: who reads the framing wrongly takes it for a request.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.support.wire import head

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n"
HOST = b"Host: a"
GET = b"GET /sent HTTP/1.1"
POST = b"POST /sent HTTP/1.1"
CHUNKED = b"Transfer-Encoding: chunked"
LAST = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Vector:
    """What a client sends; which requests (line, payload) the app must see, and no other.

    ``status`` is what the client is told after those, and the connection closed; None: nothing
    was wrong, and the next request is served.
    """

    name: str
    data: bytes
    status: int | None = 400
    seen: tuple[tuple[bytes, bytes], ...] = ()


def post(*lines: bytes, body: bytes = b"") -> bytes:
    return head(POST, HOST, *lines) + body


def get(*lines: bytes) -> bytes:
    return head(GET, HOST, *lines)


def refused(family: dict[str, bytes], status: int = 400, *, after: bytes = HIDDEN) -> list[Vector]:
    return [Vector(name, data + after, status) for name, data in family.items()]


def passed(name: str, data: bytes, *seen: tuple[bytes, bytes]) -> Vector:
    return Vector(name, data, None, seen or ((POST, b""),))

"""The answers that the gateway gives itself, prebuilt so that one write sends one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from gateway.pages.wishes import FIELDS

# What a field's value may be made of without quoting: RFC 9110's token, less "%".
_UNQUOTED = "!#$&'*+^`|"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer as bytes.

    ``head`` runs from the status line over all fields, each line ended by CRLF, but without
    ``Date``, without ``Connection`` and without the empty line: the data plane adds those.
    It has ``Content-Length``; for a HEAD request the body is left away.
    """

    status: int
    head: bytes
    body: bytes

    @property
    def fields(self) -> dict[str, str]:
        """The lines of the head, by name: one line each."""
        lines = self.head.decode("ascii").split("\r\n")[1:-1]
        return dict(line.split(": ", 1) for line in lines)


def answer(status: int, fields: Iterable[tuple[str, str]], body: bytes) -> Answer:
    """An answer with the fields that all of ours carry, after ``fields``.

    Values that people or clients chose go through ``field_value`` first.
    """
    lines = [
        f"HTTP/1.1 {status} {_phrase(status)}",
        *(f"{name}: {value}" for name, value in fields),
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        f"Vary: {', '.join(FIELDS)}",
        "X-Content-Type-Options: nosniff",
    ]
    head = "".join(f"{line}\r\n" for line in lines)
    return Answer(status, head.encode("ascii"), body)


def field_value(text: str) -> str:
    """``text`` as a token: whatever could end a header line, or start one, is %-encoded."""
    return quote(text, safe=_UNQUOTED, errors="replace")


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Maintenance"

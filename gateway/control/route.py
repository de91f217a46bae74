"""One call of the control plane: what answers it, and what is told about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

API = "/api/v1"

# Of whom nobody asks who they are; what is not listed here wants a token where there are any.
OPEN = frozenset({"/", "/healthz", "/readyz", "/metrics", "/auth", "/auth/page"})

Endpoint = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_forward_auth(path: str) -> bool:
    """Whether another proxy asks: with the fields of its visitor, whose ``Host``, ``Origin`` and
    ``Authorization`` are the site's business. ``forwarded`` says who may."""
    return path == "/auth" or path.startswith("/auth/")


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter, or a header field, as OpenAPI describes it."""

    name: str
    description: str
    shape: Mapping[str, object]
    required: bool = False
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """``path`` holds parameters in braces, each one whole segment.

    ``answers`` and ``takes`` name schemas of the description ("" and None: a text of one of
    ``types``, no body); with ``bare`` it may come without that body. ``done`` is the status it
    ends in if all is well, ``errors`` are those it may end in otherwise, beside those that every
    call may, ``pages`` those of them that may come as a page of the gateway's; ``fields`` are
    the header fields that are read.
    """

    method: str
    path: str
    endpoint: Endpoint
    summary: str
    answers: str = ""
    takes: str | None = None
    bare: bool = False
    types: tuple[str, ...] = ("text/plain",)
    queries: tuple[Query, ...] = ()
    fields: tuple[Query, ...] = ()
    errors: tuple[int, ...] = ()
    pages: tuple[int, ...] = ()
    done: int = 200

    @property
    def pattern(self) -> str:
        """The path as the router takes it: it would not match a brace in a segment."""
        return self.path.replace("}", ":[^/]+}")

    @property
    def open(self) -> bool:
        return self.path in OPEN

    @property
    def changes(self) -> bool:
        return self.method not in {"GET", "HEAD"}

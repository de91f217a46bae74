"""What a decision may know of a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol


class RequestFacts(Protocol):
    """A request's head as it came. The data plane's parsed head is one."""

    @property
    def method(self) -> bytes: ...
    @property
    def target(self) -> bytes:
        """The request target byte for byte: origin, absolute or asterisk form."""

    @property
    def host(self) -> bytes:
        """The authority the client asked for, port included, as it came."""

    @property
    def fields(self) -> Sequence[tuple[bytes, bytes]]:
        """Every header line in order: name as it came, value without outer blanks."""

    @property
    def memo(self) -> dict[object, object]:
        """What has been worked out from ``fields`` alone.

        Requests of one connection that have the same fields share it, so that a cookie is
        read once and not for each image of a page.
        """

    @property
    def client(self) -> str:
        """The client's IP address, once trusted proxies are believed; "" if none."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The same as a plain value, for questions asked about a request nobody sent."""

    method: bytes = b"GET"
    target: bytes = b"/"
    host: bytes = b""
    fields: tuple[tuple[bytes, bytes], ...] = ()
    client: str = ""
    memo: dict[object, object] = field(default_factory=dict, compare=False, repr=False)

"""What a request may make an app do: its method, and what else in it may name one.

Frameworks let a field or a query parameter stand for the method. Both count, whichever the
app believes: a POST that calls itself a GET writes, and a GET that calls itself a POST may.
A ``_method`` in a form's body is not read; such a request is a POST already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

SAFE_METHODS = frozenset(("GET", "HEAD", "OPTIONS"))

_SAFE = frozenset(method.encode() for method in SAFE_METHODS)
_FIELDS = frozenset((b"x-http-method-override", b"x-http-method", b"x-method-override"))
_LENGTHS = frozenset(map(len, _FIELDS))
_PARAMETERS = re.compile(rb"[&;]")


def named_methods(
    method: bytes, target: bytes, fields: Sequence[tuple[bytes, bytes]]
) -> frozenset[bytes]:
    """All methods that the request names, in upper case, its own among them."""
    found = {method.upper()}
    for name, value in fields:
        if len(name) in _LENGTHS and name.lower().replace(b"_", b"-") in _FIELDS:
            found.update(one.strip().upper() for one in value.split(b","))
    found |= _methods_in_query(target.partition(b"?")[2])
    found.discard(b"")
    return frozenset(found)


def only_reads(method: bytes, named: frozenset[bytes]) -> bool:
    """Whether the request is safe whatever the app believes. Methods have a case: a ``get``
    is not a GET, and what an app makes of it is unknown."""
    return method in _SAFE and named <= _SAFE


def opens_tunnel(fields: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether it asks for a WebSocket: a GET, but what follows may write anything."""
    return any(
        len(name) == 7 and name.lower() == b"upgrade" and b"websocket" in value.lower()
        for name, value in fields
    )


def _methods_in_query(query: bytes) -> set[bytes]:
    if b"method" not in query.lower() and b"%" not in query:
        return set()
    found = set()
    for parameter in _PARAMETERS.split(query):
        name, _, value = parameter.partition(b"=")
        if unquote_to_bytes(name).strip().lower() == b"_method":
            found.add(unquote_to_bytes(value.replace(b"+", b" ")).strip().upper())
    return found

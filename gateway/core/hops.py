"""The way that a request took over proxies, as ``X-Forwarded-For`` tells it.

Each proxy appends the address of whom it was called by. So the list is believed from its end
on, up to the first address that is no trusted proxy: that one may have made up all before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gateway.core.addresses import Networks

_HOP = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")


def read_hops(lines: Iterable[bytes]) -> list[str]:
    """The addresses of all lines of the field, in order; what cannot be read stays as it is."""
    hops = [hop.strip() for line in lines for hop in line.split(b",")]
    return [_address(hop.decode("latin-1")) for hop in hops if hop]


def visitor(hops: Sequence[str], proxies: Networks) -> str | None:
    """The last address that is no trusted proxy's; None if there is none."""
    for address in reversed(hops):
        if not proxies.contain(address):
            return address
    return None


def _address(hop: str) -> str:
    """A hop without the port that some proxies add."""
    match = _HOP.fullmatch(hop)
    return hop if match is None else match[1] or match[2]

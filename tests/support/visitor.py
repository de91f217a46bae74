"""Visitors of the public port: a browser, a program, from some address, with a cookie."""

from __future__ import annotations

import json
from typing import Any

from tests.support.exchange import Ask, Got, exchange
from tests.support.gateway_process import GatewayProcess

PAGE = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"  # what browsers accept
DOCUMENT = "application/json"


def visit(
    gateway: GatewayProcess | int,
    target: str = "/",
    method: str = "GET",
    *,
    host: str = "shop.localhost:8000",
    **fields: str,
) -> Got:
    """One request, to a gateway or a port; ``x_forwarded_for="…"`` becomes a field."""
    port = gateway if isinstance(gateway, int) else gateway.port
    lines = tuple((name.replace("_", "-"), value) for name, value in fields.items())
    return exchange(port, Ask(target, method, lines, host=host))


def document(gateway: GatewayProcess | int, target: str = "/", **fields: str) -> Any:
    """What a program reads in the app's place."""
    got = visit(gateway, target, accept=DOCUMENT, **fields)
    assert got.one("content-type") == "application/problem+json", got
    return json.loads(got.body)

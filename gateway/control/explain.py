"""Which flag decides about a request that nobody sent, and why each other one does not."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import assert_never
from urllib.parse import quote

from aiohttp import web
from multidict import MultiMapping

from gateway.control.documents import Document, answer
from gateway.control.problems import Problem, shown
from gateway.control.services import SERVICES, Services
from gateway.core.decision import (
    Decision,
    Forward,
    Hold,
    Refuse,
    Verdict,
    decide,
    explain,
    must_ask,
)
from gateway.core.request import Facts
from gateway.core.snapshot import Snapshot
from gateway.state.live import LiveState

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_ABSOLUTE = re.compile(r"https?://([^/?#\\]+)(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_PRINTABLE_ASCII = "".join(map(chr, range(0x21, 0x7F)))


async def explain_request(request: web.Request) -> web.Response:
    """Decides as the public port would, and tells every flag's verdict."""
    document = await explanation(request.app[SERVICES], read_facts(request.query))
    revision = document["revision"]
    assert isinstance(revision, int)  # noqa: S101 the snapshot's
    return answer(document, revision)


async def explanation(services: Services, facts: Facts) -> Document:
    """What becomes of such a request now, and every flag's verdict."""
    snapshot = await _current(services.state, facts)
    now = services.clock()
    decision = decide(facts, snapshot, now)
    flag, word = _outcome(decision)
    applying = decision.applying if isinstance(decision, Forward) else ()
    bypassed = decision.bypassed if isinstance(decision, Forward) else ()
    return {
        "flag": flag,
        "decision": word,
        "reason": decision.reason.value,
        "applying": list(applying),
        "bypassed": list(bypassed),
        "request": {
            "method": facts.method.decode(),
            "host": facts.host.decode("utf-8", "replace"),
            "target": facts.target.decode(),
            "client": facts.client,
        },
        "revision": snapshot.revision,
        "verdicts": [_verdict(verdict) for verdict in explain(facts, snapshot, now)],
    }


def read_facts(query: MultiMapping[str]) -> Facts:
    """The request that the query describes; 400 where it describes none."""
    fields = tuple(_field(text) for text in query.getall("header", []))
    authority, target = _address(query.get("url", ""))
    named = [value for name, value in fields if name.lower() == b"host"]
    host = named[-1] if named else authority
    return Facts(
        method=read_method(query.get("method", "GET")),
        target=target,
        host=host,
        fields=fields if named or not host else ((b"Host", host), *fields),
        client=_client(query.get("client", "")),
    )


async def _current(state: LiveState, facts: Facts) -> Snapshot:
    # As the public port does: it asks the store first for a flag with ttl 0.
    return await state.fresh() if must_ask(facts, state.snapshot) else state.snapshot


def _address(url: str) -> tuple[bytes, bytes]:
    # Taken apart by hand: a URL library would tidy the very oddities that are asked about.
    if not url:
        raise Problem(400, "Say which request: ?url=/path or ?url=https://host/path.")
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in url):
        raise Problem(400, "url holds control characters; percent-encode them twice.")
    absolute = _ABSOLUTE.fullmatch(url)
    authority, rest = (absolute[1], absolute[2]) if absolute else ("", url)
    rest = rest.partition("#")[0]  # a browser keeps the fragment to itself
    if absolute and not rest.startswith("/"):
        rest = "/" + rest
    if not rest.startswith("/") and rest != "*":
        raise Problem(400, f"url must start with / or with http(s)://, and {shown(url)} does not.")
    host = authority.rpartition("@")[2].encode("utf-8", "replace")
    return host, quote(rest, safe=_PRINTABLE_ASCII).encode()


def _field(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon or not _TOKEN.fullmatch(name):
        raise Problem(400, f"header must be like Name: value, and {shown(text)} is not.")
    if any(character in value for character in "\r\n\0"):
        raise Problem(400, f"The header {shown(name)} holds a line break or a NUL.")
    return name.encode(), value.strip(" \t").encode("utf-8", "replace")


def read_method(text: str) -> bytes:
    """A method as requests have it; 400 where it is none."""
    if not _TOKEN.fullmatch(text):
        raise Problem(400, f"{shown(text)} is no request method.")
    return text.upper().encode()


def _client(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError as error:
        raise Problem(400, f"client must be an IP address, and {shown(text)} is not.") from error


def _outcome(decision: Decision) -> tuple[str | None, str]:
    match decision:
        case Forward():
            return None, "forward"
        case Refuse(flag):
            return flag, "refuse"
        case Hold(flag):
            return flag, "hold"
    assert_never(decision)


def _verdict(verdict: Verdict) -> dict[str, object]:
    return {
        "flag": verdict.flag,
        "holds": verdict.holds,
        "reason": verdict.reason.value,
        "detail": verdict.detail,
    }

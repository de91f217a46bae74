"""What the gateway makes of the same requests, and the head that it sends on."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.decision import decide, explain
from gateway.core.outcomes import Reason, Refuse
from gateway.core.snapshot import Snapshot
from gateway.proxy.wire.errors import ClientError
from tests.support.flags import exempt, flag, snapshot, user_flag
from tests.support.heads import read_request

SEARCH = snapshot(flag("search", "/search"))
ALL_BUT_HELP = snapshot(flag("site", allow=exempt("/help")))
HOST = snapshot(flag("host", hosts=["shop.example"]))

_EXEMPT = (Reason.EXEMPT_PATH, Reason.EXEMPT_USER)


def listed(place: str, name: str) -> Snapshot:
    """A flag that holds bob, known by a cookie or a header."""
    return snapshot(user_flag("bob", sources=[(place, name)], users=["bob"]))


def all_but_ops(place: str, name: str) -> Snapshot:
    """A flag that holds every user but ops."""
    allow = exempt(users=["ops"])
    return snapshot(user_flag("ops", sources=[(place, name)], rollout=100, allow=allow))


@dataclass(frozen=True, slots=True)
class Verdict:
    """``word`` is ``400`` (or another refusal of a malformed head), ``held``, ``exempt`` or
    ``forwarded``; ``sent`` is the head as the app gets it, empty unless the gateway forwards."""

    word: str
    sent: bytes = b""


def judge(snap: Snapshot, target: bytes, *lines: bytes, host: bytes = b"shop.example") -> Verdict:
    """The verdict on a GET whose peer is a trusted proxy, so that every field counts."""
    fields = (b"GET " + target + b" HTTP/1.1", b"Host: " + host, *lines, b"", b"")
    try:
        head = read_request(b"\r\n".join(fields), trusted=True)
    except ClientError as error:
        return Verdict(str(error.status))
    decision = decide(head, snap, 0.0)
    if isinstance(decision, Refuse):
        return Verdict("held")
    # By an exemption, or because no flag is about it: ``decide`` does not tell.
    (verdict,) = explain(head, snap, 0.0)
    word = "exempt" if verdict.reason in _EXEMPT else "forwarded"
    return Verdict(word, head.forwarded()[:-2] + b"Connection: close\r\n\r\n")

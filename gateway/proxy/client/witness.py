"""Sees each request's end, and has it written to the access log: one line each, whoever answered.

Theory of operation. What a line needs is noted when the answer has ended; the lines of many
requests are made together.

What is secret is never in a line: no field is but ``Referer`` and ``User-Agent``, no query of what
is the gateway's own (bypass links, the toggle, the control API), and no value of a query's
parameter that is called as its secrets are, in any target or referrer.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

from gateway.core.applying import OWN_PATHS as NOTICES
from gateway.core.decision import NO_FLAG_HOLDS
from gateway.core.outcomes import Decision, Forward, Hold, Reason, Refuse
from gateway.core.passes import OWN_PATHS as LINKS
from gateway.core.snapshot import Snapshot
from gateway.telemetry.access_log import AccessLog
from gateway.telemetry.log_lines import End, Entry, Seen, Verdict

if TYPE_CHECKING:
    from gateway.proxy.client.speaker import Speaker
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.hold.waiting_room import Ticket
    from gateway.proxy.plane import DataPlane
    from gateway.proxy.tunnel import Tunnel
    from gateway.proxy.wire.request import RequestHead

# Lines made at once, of 400 bytes or so. One by one, between a request and the next, each
# costs more than twice as much: what it needs is in no cache by then.
AT_ONCE = 100

LEFT = 499  # what nginx says of clients that left before they were answered

# The parameters of bypass links and of the toggle, as parse_qs would read their names.
_SECRETS = frozenset({b"token", b"access_key"})
_MAY_HIDE = re.compile(rb"token|access_key|%", re.IGNORECASE)
# A value may have a ";" or a "?" in it, which other readers take for the end of a parameter.
_PIECE = re.compile(rb"[^&#]+")
_NAME = re.compile(rb"(?:^|[?;])([^=?;]*)=")
_HIDDEN = b"***"
# The request (None: it could not be read), its peer's address if there is none, then as in Entry.
_Note = tuple["RequestHead | None", str, float, int, int, float, float | None, float, Verdict, End]
_PLAIN = Verdict("forward", "", NO_FLAG_HOLDS.reason.value, "")


class Witness:
    """Of one plane."""

    def __init__(self, plane: DataPlane, log: AccessLog) -> None:
        self._plane = plane
        self._log = log
        self._notes: list[_Note] = []
        self._last: tuple[Decision | None, Snapshot | None] = (None, None)
        self._last_verdict = _PLAIN

    def forwarded(self, client: Speaker, exchange: Exchange, end: End = End.WHOLE) -> None:
        """The answer of the app has ended, or what there is of it."""
        status = exchange.status or LEFT
        self.saw(client, status, exchange.size, exchange.decision, exchange.app_seconds, end)

    def tunnelled(self, client: Speaker, tunnel: Tunnel, end: End) -> None:
        """A WebSocket is over."""
        exchange = tunnel.exchange
        self.saw(client, 101, tunnel.sent, exchange.decision, exchange.app_seconds, end)

    def left(self, client: Speaker) -> None:
        """The client left while its request was waiting to be decided."""
        ticket = client.its_ticket
        waits = None if ticket is None else ticket.decision
        self.saw(client, LEFT, 0, waits, end=End.CLIENT_LEFT)

    def saw(
        self,
        client: Speaker,
        status: int,
        size: int,
        decision: Decision | None = None,
        app_seconds: float | None = None,
        end: End = End.WHOLE,
    ) -> None:
        """An answer has ended, of ``size`` bytes beside its head."""
        request, ticket, plane = client.request, client.its_ticket, self._plane
        held = seconds = 0.0
        if ticket is not None:
            held = ticket.waited
            if ticket.left:
                end = End.CLIENT_LEFT
                if isinstance(decision, Hold):
                    status, size = LEFT, 0  # its page went to nobody
        if request is not None:
            seconds = plane.time() - client.began + held
        verdict = _PLAIN
        if ticket is not None or decision is not NO_FLAG_HOLDS:
            verdict = self._verdict(decision, ticket, status)
        address = client.peer_address if request is None else ""
        at = plane.wall_time()
        self._notes.append(
            (request, address, at, status, size, seconds, app_seconds, held, verdict, end)
        )
        if len(self._notes) >= AT_ONCE:
            self.settle()

    def settle(self) -> None:
        """Make lines of what was noted; with each tick, and before the log is closed."""
        notes, self._notes = self._notes, []
        form, add = self._log.form, self._log.add
        for request, address, at, status, size, seconds, app_seconds, held, verdict, end in notes:
            method = target = b""
            http_1_0 = False
            if request is None:
                seen = form.seen(address, b"", None, None)
            else:
                method, target = request.method, self._shown(request.target)
                http_1_0, seen = request.block.http_1_0, self._seen(request)
            entry = Entry(
                at, method, target, http_1_0, status, size, seconds, app_seconds, held, verdict, end
            )
            add(form.line(entry, seen))

    def _verdict(self, decision: Decision | None, ticket: Ticket | None, status: int) -> Verdict:
        if ticket is not None:
            return self._words_of(decision, ticket, status)
        # Under a flag, most requests come to one and the same decision.
        last, snapshot = self._last, self._plane.live.snapshot
        if last[0] is not decision or last[1] is not snapshot:
            self._last = decision, snapshot
            self._last_verdict = self._words_of(decision, None, status)
        return self._last_verdict

    def _words_of(self, decision: Decision | None, ticket: Ticket | None, status: int) -> Verdict:
        came_to, flags, reason = _words(decision)
        if isinstance(decision, Hold) and status == LEFT:
            came_to = "hold"
        if not flags and ticket is not None and ticket.decision is not None:
            flags = (ticket.decision.flag,)
        view = self._plane.live.snapshot.by_name.get(flags[0]) if flags else None
        mode = "" if view is None else view.state.mode.value
        if reason is Reason.NO_FLAG_HOLDS and view is not None and view.state.mode.lets_go_on:
            reason = Reason(mode)  # as explain has it
        return Verdict(came_to, ",".join(flags), "" if reason is None else reason.value, mode)

    def _seen(self, request: RequestHead) -> Seen:
        memo = request.block.memo if request.host is request.block.host else {}
        seen = memo.get(Witness)
        if not isinstance(seen, Seen):
            fields = {name.lower(): value for name, value in request.fields}
            referer = fields.get(b"referer")
            seen = memo[Witness] = self._log.form.seen(
                request.client,
                request.host,
                referer and without_secrets(referer),
                fields.get(b"user-agent"),
            )
        return seen

    def _shown(self, target: bytes) -> bytes:
        path, mark, _ = target.partition(b"?")
        if not mark:
            return target
        own = (NOTICES, LINKS, *map(str.encode, self._plane.settings.control.on_public_port))
        return path + mark + _HIDDEN if path.startswith(own) else without_secrets(target)


def without_secrets(address: bytes) -> bytes:
    """A target or a referrer, without the values of parameters that may be secrets."""
    path, mark, query = address.partition(b"?")
    if not (mark and _MAY_HIDE.search(query)):
        return address
    return path + mark + _PIECE.sub(_without_value, query)


def _without_value(found: re.Match[bytes]) -> bytes:
    piece = found[0]
    for name in _NAME.finditer(piece):
        if unquote_to_bytes(name[1]).strip(b" +").lower() in _SECRETS:
            return piece[: name.end()] + _HIDDEN
    return piece


def _words(decision: Decision | None) -> tuple[str, tuple[str, ...], Reason | None]:
    """What it came to, by which flags, and why."""
    match decision:
        case None:
            return "", (), None
        case Forward(Reason.OWN_PATH as reason):
            return "", (), reason
        case Forward(reason, applying, bypassed):
            return "forward", bypassed or applying, Reason.BYPASSED if bypassed else reason
        case Hold(flag, reason) | Refuse(flag, reason):
            return "refuse", (flag,), reason

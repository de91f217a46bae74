"""The way to the control plane over the public port, for gateways with one port alone.

Theory of operation. Calls are read, framed and bounded by the data plane like any request,
decided by no flag, and relayed by the same machinery as to an app. What stands in the app's place
is this worker's control application, at the other end of a socket pair: there is no address that
anybody else could connect to, so that what a call's client is called there is ours to say.

They have a plane of their own: they are no exchange of the app's, so no drain waits for them (one
may well ask for that drain), and what a call costs is counted nowhere as the site's. A target is
a call only as it is written. Any other spelling of it is the app's, as every target is.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from gateway.config.settings import Address, Control, OnAppDown, Settings
from gateway.core.applying import OWN_PATHS as NOTICES
from gateway.core.calls import CLIENT_FIELD, TOGGLE
from gateway.core.flags import Exemptions
from gateway.core.outcomes import Forward, Reason
from gateway.core.passes import OWN_PATHS as LINKS
from gateway.core.snapshot import Snapshot, compile_snapshot
from gateway.pages.answers import Answer, answer
from gateway.pages.pages import Pages
from gateway.proxy.client.connection import ClientConnection
from gateway.proxy.client.entrance import IntroducedConnection
from gateway.proxy.plane import DataPlane
from gateway.proxy.upstream.connection import UpstreamConnection
from gateway.proxy.upstream.connector import Connector
from gateway.proxy.wire.request import RequestHead
from gateway.telemetry.tally import Tally

MOST = 100  # calls under way at once, of each worker: each takes two more open files
# ... and of these, forms that anybody may send, as slowly as the control plane lets them.
MOST_FORMS = 25
LONGEST = 366 * 86_400.0  # seconds: a drain, or a stream of events, answers when it does

_FORMS = re.compile(rb"/log(?:in|out)(?:\?|$)")
_CALL = Forward(Reason.OWN_PATH)

# Segments that a reader may resolve: whoever sends such means to confuse one.
_DOTS = rb"(?!(?:\.|%2[Ee]){1,2}(?:[/?]|$))"
_SEGMENTS = rb"(?:/" + _DOTS + rb"[A-Za-z0-9\-._~%!$&'()*+,=:@]*)+"

Protocol = Callable[[], asyncio.BaseProtocol]


class Reception:
    """Hands calls over. ``protocol`` makes the control application's end of a connection."""

    def __init__(self, settings: Settings, protocol: Protocol) -> None:
        self._state = _Unflagged(settings)
        self._plane = DataPlane(self._state, Pages(settings.page), Tally())
        self._plane.connector = _PrivateLine(self._plane, self._state.settings, protocol)
        self.take_settings(settings)

    def start(self) -> None:
        self._plane.start()

    def take_settings(self, settings: Settings) -> None:
        self._state.settings = inner = _of_the_reception(settings)
        self._plane.take_settings(inner)
        self._prefix = (settings.control.path or "").encode()
        self._calls, self._toggles = _compiled(settings.control)

    def let_go(self) -> None:
        """The control application ends: keep no connection to it."""
        for connection in tuple(self._plane.upstreams):
            connection.let_go()

    def stop(self) -> None:
        """Cut whatever is left."""
        self._plane.stop()

    def call(self, request: RequestHead) -> RequestHead | Answer | None:
        """The request as the control application gets it, if it is a call; or our own answer."""
        target = request.target
        if self._toggles is not None and self._toggles.fullmatch(target):
            origin = TOGGLE.encode() + target[len(target.partition(b"?")[0]) :]
        elif self._calls is None or not target.startswith(self._prefix):
            return None
        elif target == self._prefix:
            # A dashboard's own links are relative: they begin at the folder.
            return answer(308, [("Location", f"{target.decode()}/")], b"")
        elif target.startswith((NOTICES, LINKS)) or not self._calls.fullmatch(target):
            return None
        else:
            origin = target[len(self._prefix) :]
        if self._is_full(origin):
            wish, pages = self._plane.wish(request), self._plane.pages
            return pages.error(503, "Too many calls", "Try again in a moment.", wish)
        return _addressed(request, origin)

    def _is_full(self, origin: bytes) -> bool:
        under_way = self._plane.in_flight
        if len(under_way) >= MOST:
            return True
        return bool(_FORMS.match(origin)) and under_way.count(_is_form) >= MOST_FORMS

    @property
    def plane(self) -> DataPlane:
        """What the exchanges of calls belong to."""
        return self._plane


class CallerConnection(ClientConnection):
    """A client's connection over which calls of the control plane may come."""

    __slots__ = ()

    def _must_ask(self, request: RequestHead, snapshot: Snapshot) -> bool:
        reception = self._plane.reception
        called = reception is not None and reception.call(request) is not None
        return not called and super()._must_ask(request, snapshot)

    def _decided(self, request: RequestHead, rest: bytes, snapshot: Snapshot) -> bytes:
        plane = self._plane
        reception = plane.reception
        call = reception.call(request) if reception is not None else None
        if reception is None or call is None:
            return super()._decided(request, rest, snapshot)
        if isinstance(call, Answer):
            return self._reply(request, call, rest, _CALL)
        # One exchange is the other plane's; the connection, and its time-outs, stay this one's.
        self._plane = reception.plane
        try:
            rest = super()._decided(call, rest, reception.plane.live.current())
        finally:
            self._plane = plane
        if self._exchange is not None:
            self._exchange.decision = _CALL
        return rest


class IntroducedCallerConnection(CallerConnection, IntroducedConnection):
    """The same, behind a balancer that speaks the PROXY protocol."""

    __slots__ = ()


class _Unflagged:
    """A state without flags: nobody is kept from the control plane by what it controls."""

    def __init__(self, settings: Settings) -> None:
        self.settings = _of_the_reception(settings)
        self.snapshot = compile_snapshot((), {}, revision=0, allow=Exemptions(), now=0.0)

    def current(self) -> Snapshot:
        return self.snapshot

    async def fresh(self) -> Snapshot:
        return self.snapshot


class _PrivateLine(Connector):
    """Each connection is a socket pair with the control application at its other end."""

    def __init__(self, plane: DataPlane, settings: Settings, protocol: Protocol) -> None:
        super().__init__(plane, settings)
        self._protocol = protocol

    async def _open(self) -> UpstreamConnection:
        loop = self._plane.loop
        ours, theirs = socket.socketpair()
        try:
            for each in (ours, theirs):
                each.setblocking(False)  # noqa: FBT003 its own signature
            await loop.connect_accepted_socket(self._protocol, theirs)
            made = partial(UpstreamConnection, self._plane)
            _, connection = await loop.create_unix_connection(made, sock=ours)
        except BaseException:
            ours.close()
            theirs.close()
            raise
        return connection


def _of_the_reception(settings: Settings) -> Settings:
    return replace(
        settings,
        upstream=Address(path="control"),
        upstream_tls=None,
        on_app_down=OnAppDown.ERROR,
        app_starts=False,
        timeouts=replace(settings.timeouts, response=LONGEST),
    )


def _is_form(request: RequestHead) -> bool:
    return bool(_FORMS.match(request.origin))


def _compiled(control: Control) -> tuple[re.Pattern[bytes] | None, re.Pattern[bytes] | None]:
    query, toggle = rb"(?:\?.*)?", control.toggle
    calls = toggles = None
    if control.path is not None:
        calls = re.compile(re.escape(control.path.encode()) + _SEGMENTS + query)
    if toggle is not None:
        toggles = re.compile(re.escape(toggle.path.encode()) + query)
    return calls, toggles


def _addressed(request: RequestHead, origin: bytes) -> RequestHead:
    field = f"{CLIENT_FIELD}: {request.client}\r\n".encode("latin-1", "replace")
    made = request.with_rest(request.rest[:-2] + field + b"\r\n")
    made.origin = origin
    return made

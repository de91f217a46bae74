"""What is done to requests that flags apply to, in the modes ``notice`` and ``anonymous``, and to
those that a pass lets by, so that whoever bears it does not forget.

Made once for each set of flags that applies together, and for as long as their snapshot is the
one that decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gateway.core.flags import Flag
from gateway.core.outcomes import Forward
from gateway.core.snapshot import Snapshot
from gateway.pages.answers import Answer
from gateway.pages.notice import Sheet, banner, link, noticing, sheet
from gateway.pages.reminder import REMINDER_SHEET, reminder
from gateway.proxy.wire.credentials import Credentials
from gateway.proxy.wire.fields import without
from gateway.proxy.wire.request import RequestHead

if TYPE_CHECKING:
    from gateway.proxy.client.connection import ClientConnection
    from gateway.proxy.exchange import Exchange
    from gateway.proxy.plane import DataPlane

# Of a copy that bears no notice, or of a part of one; and what may not come compressed.
_OF_OTHER_COPIES = frozenset({
    b"accept-encoding", b"if-none-match", b"if-modified-since", b"if-range", b"range",
})  # fmt: skip


# Per-user flags may apply together in any number of ways.
_MOST = 256


@dataclass(frozen=True, slots=True)
class Insertion:
    """What is put into pages: links to ``sheets``, then ``banners``. ``flags`` names them."""

    flags: bytes
    sheets: tuple[Sheet, ...]
    banners: bytes

    def html(self, nonce: bytes | None, *, framed: bool) -> bytes:
        links = b"".join(link(each.path, nonce) for each in self.sheets)
        return links if framed else links + self.banners


@dataclass(frozen=True, slots=True)
class Handling:
    """What is done to a request that certain flags apply to, and to its answer."""

    field: bytes  # a line, or nothing
    credentials: Credentials | None
    insertion: Insertion | None
    bypassed: bytes  # names of flags, or nothing

    def prepared(self, request: RequestHead) -> RequestHead:
        """The request as the app gets it. What a drain reads of it stays as it came."""
        rest = request.rest
        if self.credentials is not None:
            rest = self.credentials.taken_out(rest)
        if self.insertion is not None and _may_show_a_page(request):
            rest = without(rest, _OF_OTHER_COPIES)[:-2] + b"Accept-Encoding: identity\r\n\r\n"
        return request.with_rest(rest[:-2] + self.field + b"\r\n")

    def exchange(
        self, plane: DataPlane, client: ClientConnection, request: RequestHead, revision: int
    ) -> Exchange:
        """The exchange for a request that was ``prepared``."""
        kinds, insertion = plane.exchanges, self.insertion
        if insertion is None:
            return kinds.plain(plane, client, request, revision)
        if not self.bypassed:
            return kinds.noticed(plane, client, request, revision, insertion)
        made = kinds.reminding(plane, client, request, revision, insertion)
        made.bypassed = self.bypassed
        return made


class Notices:
    """The handlings and style sheets of the snapshot that was looked at last."""

    __slots__ = ("_handlings", "_sheets", "_snapshot")

    def __init__(self) -> None:
        self._snapshot: Snapshot | None = None
        self._handlings: dict[Forward, Handling] = {}
        self._sheets: dict[str, Sheet] = {}

    def exchange(
        self,
        plane: DataPlane,
        client: ClientConnection,
        request: RequestHead,
        decision: Forward,
        snapshot: Snapshot,
    ) -> Exchange:
        """The exchange for a request that flags apply to, or that gets past some."""
        self._look_at(snapshot)
        handling = self._handlings.get(decision)
        if handling is None:
            if len(self._handlings) >= _MOST:
                self._handlings.clear()
            handling = self._handlings[decision] = self._handling(decision, snapshot)
        for name in decision.bypassed:
            plane.tally.bypass(name)
        made = handling.exchange(plane, client, handling.prepared(request), snapshot.revision)
        made.decision = decision
        return made

    def answer(self, request: RequestHead, snapshot: Snapshot) -> Answer | None:
        """The style sheet that is asked for, if it is one of the snapshot's."""
        self._look_at(snapshot)
        if request.method not in {b"GET", b"HEAD"}:
            return None
        path = request.target.partition(b"?")[0]
        return next((each.answer for each in self._sheets.values() if each.path == path), None)

    def _look_at(self, snapshot: Snapshot) -> None:
        if snapshot is self._snapshot:
            return
        self._snapshot = snapshot
        self._handlings.clear()
        made = {view.flag.name: sheet(noticing(view)) for view in snapshot.views if view.notices}
        self._sheets = {name: each for name, each in made.items() if each is not None}

    def _handling(self, decision: Forward, snapshot: Snapshot) -> Handling:
        views = [snapshot.by_name[name] for name in decision.applying]
        told = [noticing(view) for view in views if view.notices]
        strips = [view.flag.strip for view in views if not view.notices]
        flags = ", ".join(flag.name for flag in told).encode()
        return Handling(
            field=b"X-Maintenance-Notice: %b\r\n" % flags if told else b"",
            credentials=Credentials.named(strips) if strips else None,
            insertion=self._insertion(flags, told, decision.bypassed),
            bypassed=", ".join(decision.bypassed).encode(),
        )

    def _insertion(
        self, names: bytes, flags: list[Flag], bypassed: tuple[str, ...]
    ) -> Insertion | None:
        sheets = [self._sheets[flag.name] for flag in flags if flag.name in self._sheets]
        banners = list(map(banner, flags))
        if bypassed:
            sheets.append(REMINDER_SHEET)
            banners.append(reminder(bypassed))
        return Insertion(names, tuple(sheets), b"".join(banners)) if sheets else None


def _may_show_a_page(request: RequestHead) -> bool:
    accept = request.block.accept
    reads = request.method in {b"GET", b"HEAD", b"POST"}
    return reads and accept is not None and b"text/html" in accept.lower()

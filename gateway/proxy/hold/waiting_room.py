"""Who waits, for what, and whose turn it is: for a flag to let them go on, or for the app.

Bookkeeping alone: it reads no byte and no clock, and decides nothing. Each flag has a lane of
its own, and so has the app. A ticket keeps its place in the order of arrival, and its time, when
it goes from one lane to another: whoever may be held by two flags in turn waits no longer for it.

A lane is closed, and nobody's turn, while the flag holds (or the app is away). When it opens, its
tickets are let go in order, at its rate; when a request's time is up, it is its turn at once.
It is the caller who decides each of them anew then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from itertools import chain, count
from operator import attrgetter
from typing import TYPE_CHECKING, assert_never

from gateway.core.flags import HoldTerms
from gateway.core.outcomes import Decision, Forward, Hold, Refuse
from gateway.proxy.deadlines import PERIOD

if TYPE_CHECKING:
    from gateway.proxy.client.visitor import Visitor
    from gateway.proxy.wire.request import RequestHead

# Of what was read of all who wait, in one worker. A thousand uploads may each have 12 KB of it,
# about what comes along with a head over a network; on loopback it may be 128 KB.
MOST_BYTES = 12 << 20

THE_APP = ""  # the lane of those who wait for it; no flag has this name

_ARRIVAL = attrgetter("number")


class Ticket:
    """One request that waits, or has waited, since ``since`` on the plane's clock.

    It ``entered`` its lane at a later time if it had waited before, and has ``waited`` so many
    seconds in all, ``counted`` of them already. ``decision`` is why; None: the app is away.

    ``size`` is how many bytes of it are kept meanwhile, and of what follows it.
    ``last_call``: the next decision is final, so it never waits again. ``sent``: bytes of it went
    to the app once and were lost with their connection, so it is not sent a third time.
    ``forwarded``: it was once let go on to the app. ``left``: its client has.
    """

    __slots__ = (
        "client",
        "counted",
        "decision",
        "entered",
        "forwarded",
        "lane",
        "last_call",
        "left",
        "number",
        "request",
        "sent",
        "since",
        "size",
        "waited",
    )

    def __init__(self, client: Visitor, request: RequestHead, now: float) -> None:
        self.number = next(_numbers)
        self.client = client
        self.request = request
        self.since = self.entered = now
        self.waited = self.counted = 0.0
        self.decision: Hold | None = None
        self.size = 0
        self.lane: _Lane | None = None
        self.last_call = False
        self.sent = self.forwarded = self.left = False

    def cancel(self) -> None:
        """Its client has left."""
        if self.lane is not None:
            self.lane.leave(self)


class WaitingRoom:
    """All tickets of one worker."""

    __slots__ = ("_closed", "_lanes")

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._closed = False

    def __bool__(self) -> bool:
        return any(lane.tickets for lane in self._lanes.values())

    def __iter__(self) -> Iterator[Ticket]:
        return chain.from_iterable(lane.tickets for lane in self._lanes.values())

    def counts(self) -> dict[str, int]:
        """How many wait, by lane; none that is empty."""
        return {key: len(lane.tickets) for key, lane in self._lanes.items() if lane.tickets}

    def count(self, key: str) -> int:
        lane = self._lanes.get(key)
        return 0 if lane is None else len(lane.tickets)

    def enter(self, ticket: Ticket, key: str, terms: HoldTerms, now: float) -> bool:
        """Wait in a lane; False: there is no place, its time is up, or the room is closed."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(now)
        lane.terms = terms
        overdue = ticket.since + terms.seconds <= now
        full = len(lane.tickets) >= terms.limit or self._kept() + ticket.size > MOST_BYTES
        if self._closed or ticket.last_call or overdue or full:
            return False
        lane.enter(ticket)
        if key == THE_APP:
            lane.turns.clear()
        return True

    def review(self, judge: Callable[[RequestHead], Decision]) -> list[Ticket]:
        """Decisions may have changed: open the lanes, as far as they come out otherwise.

        Returns those who have nothing more to wait for where they are, to be decided at once.
        """
        over: list[Ticket] = []
        for key, lane in self._lanes.items():
            turns = []
            for ticket in sorted(lane.tickets, key=_ARRIVAL):
                match judge(ticket.request):
                    case Forward():
                        turns.append(ticket)
                    case Hold(flag) if flag == key:
                        pass
                    case Hold() | Refuse():
                        over.append(ticket)
                    case never:
                        assert_never(never)
            if key != THE_APP:
                lane.turns = deque(turns)
        return _gone(over)

    def app_is_back(self) -> None:
        """Open the app's lane; it is closed when the next one enters it."""
        if (lane := self._lanes.get(THE_APP)) is not None:
            lane.turns = deque(sorted(lane.tickets, key=_ARRIVAL))

    def due(self, now: float) -> list[Ticket]:
        """Whose turn it is, in order of arrival; they wait no more."""
        going = []
        for key, lane in tuple(self._lanes.items()):
            going += lane.overdue(now)
            going += lane.next(now)
            if not lane.tickets:
                del self._lanes[key]
        return going

    def close(self) -> list[Ticket]:
        """Nobody waits from now on. Returns those who did, in order of arrival."""
        self._closed = True
        return _gone(sorted(self, key=_ARRIVAL))

    def _kept(self) -> int:
        return sum(lane.size for lane in self._lanes.values())


class _Lane:
    """Those who wait for one thing. ``turns``: it is there for these, the first of them first.

    ``size`` is that of all its tickets.
    """

    __slots__ = ("_credit", "_since", "size", "terms", "tickets", "turns")

    def __init__(self, now: float) -> None:
        self.size = 0
        self.terms = HoldTerms()
        self.tickets: dict[Ticket, None] = {}
        self.turns: deque[Ticket] = deque()
        self._credit = 0.0  # how many may go on now
        self._since = now  # when that was counted last

    def enter(self, ticket: Ticket) -> None:
        self.tickets[ticket] = None
        self.size += ticket.size
        ticket.lane = self

    def leave(self, ticket: Ticket) -> None:
        """Once."""
        del self.tickets[ticket]
        self.size -= ticket.size
        ticket.lane = None

    def overdue(self, now: float) -> list[Ticket]:
        latest = now - self.terms.seconds
        found = _gone([ticket for ticket in self.tickets if ticket.since <= latest])
        for ticket in found:
            ticket.last_call = True
        return found

    def next(self, now: float) -> list[Ticket]:
        """As many as the rate lets go on by now."""
        rate = self.terms.rate
        # What was not used is lost: after a pause, no more go on at once than in one period.
        most = max(1.0, rate * PERIOD)
        self._credit = min(self._credit + max(0.0, now - self._since) * rate, most)
        self._since = now
        going: list[Ticket] = []
        while self.turns and len(going) + 1 <= self._credit:
            ticket = self.turns.popleft()
            if ticket in self.tickets:  # it has not left meanwhile
                going.append(ticket)
        self._credit -= len(going)
        return _gone(going)


def _gone(tickets: list[Ticket]) -> list[Ticket]:
    for ticket in tickets:
        ticket.cancel()
    return tickets


_numbers = count()

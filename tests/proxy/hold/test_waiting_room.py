"""The waiting room's bookkeeping, with nobody at the door."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.core.decision import Decision, Forward, Hold, Reason, Refuse
from gateway.core.flags import HoldTerms
from gateway.proxy.hold.waiting_room import MOST_BYTES, THE_APP, Ticket, WaitingRoom

TERMS = HoldTerms(seconds=30.0, limit=10, rate=10)  # two in a period


def ticket(now: float = 0.0) -> Ticket:
    return Ticket(cast("Any", SimpleNamespace()), cast("Any", object()), now)


def tickets(
    room: WaitingRoom, count: int, key: str = "f", terms: HoldTerms = TERMS
) -> list[Ticket]:
    made = [ticket() for _ in range(count)]
    assert all(room.enter(each, key, terms, 0.0) for each in made)
    return made


def lift(room: WaitingRoom, *, but: tuple[Ticket, ...] = (), to: Decision | None = None) -> Any:
    held = {id(each.request) for each in but}
    lifted = to or Forward(Reason.NO_FLAG_HOLDS)
    return room.review(lambda request: Hold("f", Reason.SITE) if id(request) in held else lifted)


def test_nobody_goes_while_the_flag_holds() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 3)
    assert lift(room, but=tuple(waiting)) == []
    assert room.due(29.9) == []
    assert room.counts() == {"f": 3}


def test_they_go_in_order_and_no_faster_than_the_rate() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 7)
    assert lift(room) == []
    went = [room.due(now) for now in (0.0, 0.05, 0.125, 0.25, 10.0, 10.25, 10.5)]
    assert (
        went
        == [
            [],
            [],
            waiting[:1],
            waiting[1:2],
            waiting[2:4],  # what was not used meanwhile is lost
            waiting[4:6],
            waiting[6:],
        ]
    )
    assert not room


def test_one_that_leaves_costs_the_others_no_turn() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 4)
    lift(room)
    waiting[0].cancel()
    waiting[2].cancel()
    waiting[2].cancel()  # nothing more
    assert room.due(1.0) == [waiting[1], waiting[3]]


def test_only_those_whom_the_flag_no_longer_holds_go() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 4)
    lift(room, but=(waiting[0], waiting[2]))
    assert room.due(1.0) == [waiting[1], waiting[3]]
    assert room.counts() == {"f": 2}


def test_a_flag_that_is_on_again_stops_those_whose_turn_had_not_come() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 4)
    lift(room)
    assert room.due(1.0) == waiting[:2]
    lift(room, but=tuple(waiting))
    assert room.due(2.0) == []


def test_a_page_or_another_flags_hold_is_no_matter_of_rate() -> None:
    for other in (Refuse("f", Reason.SITE), Hold("g", Reason.SITE)):
        room = WaitingRoom()
        waiting = tickets(room, 5)
        assert lift(room, to=other) == waiting
        assert not room


def test_a_place_is_kept_from_lane_to_lane() -> None:
    room = WaitingRoom()
    first, second = ticket(), ticket()
    room.enter(second, "g", TERMS, 0.0)
    room.enter(first, "g", TERMS, 0.0)
    lift(room)
    assert room.due(1.0) == [first, second]


def test_a_time_that_is_up_is_counted_from_the_arrival() -> None:
    room = WaitingRoom()
    old, new = ticket(0.0), ticket(5.0)
    assert room.enter(old, "f", TERMS, 5.0)
    assert room.enter(new, "f", TERMS, 5.0)
    assert room.due(30.0) == [old]
    assert (old.last_call, new.last_call) == (True, False)
    assert not room.enter(old, "f", TERMS, 30.0)
    assert not room.enter(old, "g", HoldTerms(seconds=3600.0), 30.0)


def test_one_too_many_and_one_too_late_have_no_place() -> None:
    room = WaitingRoom()
    tickets(room, 2, terms=HoldTerms(limit=2))
    assert not room.enter(ticket(), "f", HoldTerms(limit=2), 0.0)
    assert room.enter(ticket(), "g", HoldTerms(limit=2), 0.0)
    assert not room.enter(ticket(0.0), "g", HoldTerms(seconds=5.0), 5.0)


def test_what_came_along_is_bounded_for_all_who_wait_together() -> None:
    room = WaitingRoom()
    big, small, more = ticket(), ticket(), ticket()
    big.size, small.size, more.size = MOST_BYTES - 10, 10, 1
    assert room.enter(big, "f", TERMS, 0.0)
    assert room.enter(small, "g", TERMS, 0.0)
    assert not room.enter(more, "h", TERMS, 0.0)
    small.cancel()
    assert room.enter(more, "h", TERMS, 0.0)


def test_a_closed_room_lets_nobody_wait() -> None:
    room = WaitingRoom()
    waiting = [*tickets(room, 2), *tickets(room, 1, "g"), *tickets(room, 1)]
    assert room.close() == waiting
    assert not room.enter(ticket(), "f", TERMS, 0.0)
    assert not room


@pytest.mark.parametrize("to", [Refuse("f", Reason.SITE), Hold("f", Reason.SITE)])
def test_a_flag_has_its_say_over_those_who_wait_for_the_app(to: Decision) -> None:
    room = WaitingRoom()
    waiting = tickets(room, 2, THE_APP)
    assert lift(room) == []
    assert room.due(1.0) == []  # it is still away
    assert lift(room, to=to) == waiting


def test_the_apps_lane_is_open_until_the_next_one_enters_it() -> None:
    room = WaitingRoom()
    waiting = tickets(room, 4, THE_APP)
    room.app_is_back()
    assert room.due(1.0) == waiting[:2]
    room.enter(waiting[0], THE_APP, TERMS, 1.0)
    assert room.due(2.0) == []
    room.app_is_back()
    assert room.due(3.0) == [waiting[0], waiting[2]]

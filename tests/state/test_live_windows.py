"""Windows: begun and ended in the store by whoever notices first, and held without it."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.overrides import Patch
from gateway.core.patches import read_patch
from gateway.core.windows import Occurrence, Window
from gateway.state.live import LiveState
from gateway.stores.base import Edit, StoredState, StoreError
from tests.state.conftest import Start
from tests.state.stage import NOW, SETTINGS, SITE, Clock, FlakyStore, Log, Swaps, is_on

WINDOW = Window(Occurrence(NOW + 3600.0, NOW + 7200.0), announce=1800.0)
FLAG = replace(SITE, state=replace(SITE.state, window=WINDOW))
WINDOWED = replace(SETTINGS, flags=(FLAG,))
INSIDE, AFTER = NOW + 3600.0, NOW + 7200.0


def go_to(clock: Clock, now: float, *lives: LiveState) -> None:
    clock.now = now
    for live in lives:
        live._woken.set()


async def test_the_start_and_the_end_are_written_down_with_a_revision_and_an_entry_each(
    start: Start, clock: Clock
) -> None:
    live = await start(WINDOWED)
    swaps, before = Swaps(live), live.snapshot.revision
    go_to(clock, INSIDE, live)
    begun = await swaps.until(is_on)
    assert begun.revision == before + 1
    view = begun.view("site")
    assert view is not None
    assert (view.origin, view.until, view.on_by_clock_alone) == ("yaml", AFTER, False)
    go_to(clock, AFTER, live)
    assert (await swaps.until(lambda snapshot: not is_on(snapshot))).revision == before + 2
    told = [(each.action, each.flag, each.changes) for each in await live.audit(2)]
    assert told == [
        ("window", "site", {"enabled": False}),
        ("window", "site", {"enabled": True, "until": AFTER}),
    ]


async def test_all_begin_and_end_by_the_first_clock(start: Start, store: FlakyStore) -> None:
    ahead, behind = Clock(), Clock()
    one = await start(WINDOWED, clock=ahead, monotonic=ahead)
    two = await start(WINDOWED, store=store, clock=behind, monotonic=behind)
    seen = Swaps(two)
    go_to(ahead, INSIDE, one)
    begun = await seen.until(is_on)
    assert not begun.views[0].on_by_clock_alone
    go_to(behind, INSIDE + 1.0, two)
    go_to(ahead, AFTER, one)
    ended = await seen.until(lambda snapshot: not is_on(snapshot))
    await two.settle()  # its own clock is within the window still
    assert two.snapshot is ended


async def test_a_flip_of_another_key_is_not_lost_to_the_window_nor_moves_it(
    start: Start, clock: Clock
) -> None:
    live = await start(WINDOWED)
    go_to(clock, INSIDE, live)
    await Swaps(live).until(is_on)
    await live.flip("site", Patch({"page.message": "soon"}), by="ann")
    view = live.snapshot.views[0]
    assert (view.state.message, view.until, view.on_by_clock_alone) == ("soon", AFTER, False)
    await live.reset("site", by="ann")
    assert live.snapshot.views[0].until == AFTER


async def test_without_the_store_it_begins_and_ends_by_the_clock(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    live = await start(WINDOWED)
    swaps, before = Swaps(live), live.snapshot.revision
    store.broken = True
    go_to(clock, INSIDE, live)
    begun = await swaps.until(is_on)
    assert (begun.revision, begun.views[0].on_by_clock_alone) == (before, True)
    assert begun.agreed_rule("site") is None
    go_to(clock, AFTER, live)
    await swaps.until(lambda snapshot: not is_on(snapshot))
    clock.now -= 3600.0  # at one revision what was let go is not taken back
    await live.settle()
    assert not is_on(live.snapshot)


async def test_what_began_without_the_store_is_written_down_once_it_is_back(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    live = await start(WINDOWED)
    swaps, before = Swaps(live), live.snapshot.revision
    store.broken = True
    go_to(clock, INSIDE, live)
    await swaps.until(is_on)
    store.broken = False
    agreed = await swaps.until(lambda snapshot: not snapshot.views[0].on_by_clock_alone)
    assert (is_on(agreed), agreed.revision) == (True, before + 1)


async def test_what_began_without_the_store_is_written_down_although_the_clock_was_set_back(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    live = await start(WINDOWED)
    swaps, before = Swaps(live), live.snapshot.revision
    store.broken = True
    go_to(clock, INSIDE, live)
    assert (await swaps.until(is_on)).unsettled
    clock.now, store.broken = INSIDE - 60.0, False
    agreed = await swaps.until(lambda snapshot: not snapshot.unsettled)
    assert (is_on(agreed), agreed.revision) == (True, before + 1)


async def test_a_start_and_an_end_that_nobody_was_there_for_are_caught_up(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    clock.now = INSIDE + 60.0
    first = await start(WINDOWED)
    assert is_on(first.snapshot)
    await first.settle()
    assert not first.snapshot.views[0].on_by_clock_alone
    await first.close()
    clock.now = AFTER + 60.0
    second = await start(WINDOWED, store=store)
    assert not is_on(second.snapshot)
    await second.settle()
    assert not second.snapshot.unsettled
    assert (await second.audit(1))[0].changes == {"enabled": False}


async def test_the_ttl_is_0_and_the_notice_shown_ahead_of_it_without_a_new_revision(
    start: Start, clock: Clock
) -> None:
    live = await start(WINDOWED)
    swaps, before = Swaps(live), live.snapshot.revision
    go_to(clock, INSIDE - 1800.0, live)
    announced = await swaps.until(lambda snapshot: snapshot.views[0].announced is not None)
    assert (announced.revision, announced.asks, is_on(announced)) == (before, False, False)
    go_to(clock, INSIDE - 300.0, live)
    drawn = await swaps.until(lambda snapshot: snapshot.asks)
    assert (drawn.revision, is_on(drawn)) == (before, False)
    go_to(clock, INSIDE, live)
    assert (await swaps.until(is_on)).asks
    go_to(clock, AFTER, live)
    assert not (await swaps.until(lambda snapshot: not is_on(snapshot))).asks


async def test_what_somebody_turned_on_outlives_the_end(start: Start, clock: Clock) -> None:
    live = await start(WINDOWED)
    swaps = Swaps(live)
    go_to(clock, INSIDE, live)
    await swaps.until(is_on)
    flipped = await live.flip("site", Patch({"enabled": True}), by="guard")
    go_to(clock, AFTER, live)
    ended = await swaps.until(lambda snapshot: snapshot.revision > flipped.revision)
    assert is_on(ended)
    assert (await live.audit(1))[0].changes == {}


async def test_off_ends_it_for_all_and_the_course_stays(start: Start, clock: Clock) -> None:
    live = await start(WINDOWED)
    go_to(clock, INSIDE, live)
    await Swaps(live).until(is_on)
    off = await live.flip("site", Patch({"enabled": False}), by="ann")
    assert (is_on(off), off.unsettled) == (False, False)
    same = await live.flip("site", Patch({"enabled": False}), by="ann")
    assert same is off


async def test_a_window_that_is_flipped_to_now_holds_at_the_revision_of_the_flip(
    start: Start,
) -> None:
    live = await start()
    patch = read_patch({"window": {"start": "2030-01-01T00:00Z", "end": "2031-01-01T00:00Z"}})
    snapshot = await live.flip("site", patch, by="ann")
    view = snapshot.view("site")
    assert view is not None
    assert (view.state.enabled, view.on_by_clock_alone) == (True, False)


async def test_a_member_of_another_yaml_leaves_the_window_alone(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    old = await start(WINDOWED)
    later = replace(WINDOW, once=Occurrence(AFTER, AFTER + 60.0))
    moved = replace(FLAG, state=replace(FLAG.state, window=later))
    new = await start(replace(WINDOWED, flags=(moved,)), store=store)
    await old.fresh()
    go_to(clock, INSIDE)
    await old.settle()
    assert old.snapshot.revision == new.snapshot.revision
    assert is_on(old.snapshot)  # rather held than not
    assert old.acknowledged is None


async def test_an_edit_of_the_yaml_does_not_interrupt_a_window(
    start: Start, clock: Clock, store: FlakyStore
) -> None:
    live = await start(WINDOWED)
    go_to(clock, INSIDE, live)
    await Swaps(live).until(is_on)
    edited = replace(FLAG, state=replace(FLAG.state, message="soon"))
    behind = Clock()
    other = await start(replace(WINDOWED, flags=(edited,)), store=store, clock=behind)
    assert is_on(other.snapshot)  # by the store: its own clock is before the start


class ReadOnlyStore(FlakyStore):
    """Can be read, and takes no writes while ``full``."""

    def __init__(self) -> None:
        super().__init__()
        self.full = False
        self.tries = 0

    async def update(self, edit: Edit) -> StoredState:
        self.tries += self.full
        if self.full:
            raise StoreError("the disk is full")
        return await super().update(edit)


async def test_a_store_that_takes_no_writes_is_tried_ever_more_seldom_and_told_once(
    start: Start, clock: Clock, log: Log
) -> None:
    store = ReadOnlyStore()
    live = await start(WINDOWED, store=store)
    swaps, store.full = Swaps(live), True
    go_to(clock, INSIDE, live)
    assert (await swaps.until(is_on)).views[0].on_by_clock_alone
    await live.settle()
    await live.fresh()
    tries = store.tries
    assert live._delay() >= 0.1  # although the read was good
    await live.settle()
    await live.fresh()
    assert store.tries > tries
    assert live._delay() >= 0.2
    assert log.count("cannot be reached") == 1
    store.full = False
    await log.until("takes writes again")
    assert not live.snapshot.unsettled

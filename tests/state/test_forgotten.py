"""A flag that is on for longer than its ``max``: the log has it once for each time that it is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from gateway.state.forgotten import LongOn
from gateway.telemetry.metrics import Figures, Metrics, Seen
from gateway.telemetry.tally import Tally
from tests.state.conftest import Start
from tests.state.stage import ON, SETTINGS, SITE, USER, Clock, Log, Patch

LONG = replace(SETTINGS, flags=(replace(SITE, longest=60.0), USER))
SAID = "site is on for longer than 60 s"


@contextmanager
def running(long_on: LongOn) -> Iterator[None]:
    task = asyncio.create_task(long_on.run())
    try:
        yield
    finally:
        task.cancel()


async def test_the_log_has_it_once_for_each_time_that_it_is_on(
    start: Start, clock: Clock, log: Log
) -> None:
    live, long_on = await start(LONG), LongOn(clock)
    live.subscribe(long_on.follow)
    with running(long_on):
        await live.flip("site", ON, by="ann")
        clock.now += 60.0
        await live.flip("site", Patch({"ttl": 5}), by="ann")
        await log.until(SAID)
        await live.flip("site", Patch({"ttl": 6}), by="ann")
        await live.flip("site", Patch({"enabled": False}), by="ann")
        await live.flip("site", ON, by="ann")
        clock.now += 60.0
        await live.flip("site", Patch({"ttl": 7}), by="ann")
        await log.until(SAID, 2)
    assert log.count(SAID) == 2


async def test_a_metric_tells_of_flags_that_have_a_max(start: Start, clock: Clock) -> None:
    live, long_on = await start(LONG), LongOn(clock)
    live.subscribe(long_on.follow)
    metrics = Metrics(
        lambda: Figures(Tally(), {}, {}),
        lambda: live.snapshot,
        lambda: Seen(forgotten={each.flag for each in long_on.forgotten}),
    )

    def told() -> list[tuple[str, float]]:
        text = metrics.exposition().decode()
        families = {family.name: family for family in text_string_to_metric_families(text)}
        samples = families["gateway_flag_forgotten"].samples
        return [(sample.labels["flag"], sample.value) for sample in samples]

    await live.flip("site", ON, by="ann")
    assert told() == [("site", 0.0)]
    clock.now += 60.0
    assert told() == [("site", 1.0)]


async def test_since_when_a_flag_is_on_is_known_whatever_is_flipped_meanwhile(
    start: Start, clock: Clock
) -> None:
    live, long_on = await start(), LongOn(clock)
    live.subscribe(long_on.follow)
    await live.flip("site", ON, by="ann")
    began = clock.now
    clock.now += 60.0
    await live.flip("site", Patch({"ttl": 5}), by="ann")
    assert long_on.since == {"site": began}
    await live.flip("site", Patch({"enabled": False}), by="ann")
    assert long_on.since == {}
    assert long_on.forgotten == []

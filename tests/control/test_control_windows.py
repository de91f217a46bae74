"""Windows and what is forgotten on, as the control API shows and changes them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gateway.core.windows import Occurrence, Window
from gateway.state.forgotten import LongOn
from tests.support.control import NOW, SEARCH, SITE, Stage

ONCE = {"start": "2030-03-17T18:00:00+01:00", "end": "2030-03-17T20:00:00+01:00"}
ENDS = "2030-03-17T19:00:00.000Z"


async def test_a_window_that_is_now_holds_at_once_and_says_until_when(stage: Stage) -> None:
    document = await stage.patch("site", {"window": {**ONCE, "timezone": "Europe/Berlin"}})
    window = document["window"]
    assert (document["enabled"], document["until"], document["from"]) == (True, ENDS, "override")
    assert (document["on"], document["yaml"]["enabled"]) == (True, False)
    assert window["now"] == {"start": "2030-03-17T17:00:00.000Z", "end": ENDS}
    assert (window["next"], window["holds"], window["announced"]) == (None, True, False)
    assert window["text"] == "2030-03-17 18:00 CET to 2030-03-17 20:00 CET"
    assert {key: window[key] for key in ONCE} == ONCE
    assert (document["ttl"], document["page"]["retry_after"]) == (0, 4400)
    assert (document["yaml"]["window"], document["yaml"]["ttl"]) == (None, 300)
    assert document["override"]["window"]["timezone"] == "Europe/Berlin"


async def test_a_window_that_comes_again_shows_when_and_null_takes_it_back(stage: Stage) -> None:
    document = await stage.patch("site", {"window": {"cron": "0 3 * * sun", "for": "2h"}})
    assert (document["enabled"], document["on"], document["until"]) == (False, False, None)
    assert document["window"]["next"] == {
        "start": "2030-03-24T03:00:00.000Z",
        "end": "2030-03-24T05:00:00.000Z",
    }
    assert (await stage.patch("site", {"window": None}))["window"] is None


async def test_off_within_a_window_ends_it_and_shows_no_key_of_ours(stage: Stage) -> None:
    await stage.patch("site", {"window": ONCE})
    document = await stage.patch("site", {"enabled": False})
    assert (document["enabled"], document["until"]) == (False, None)
    assert document["window"]["now"] is None
    assert set(document["override"]) == {"window", "enabled"}


async def test_a_window_that_is_wrong_is_refused_with_every_error(stage: Stage) -> None:
    wrong = {"start": "tomorrow", "end": "2030-03-17T20:00", "for": "2h"}
    document = await stage.patch("site", {"window": wrong}, 422)
    assert [each["path"] for each in document["errors"]] == [
        "window", "window.start", "window.end",
    ]  # fmt: skip


async def test_explain_says_when_the_window_ends_or_begins(stage: Stage) -> None:
    await stage.patch("site", {"window": ONCE})
    later = {"cron": "0 3 * * sun", "for": "2h", "timezone": "Europe/Berlin"}
    await stage.patch("search", {"window": later})
    found = await stage.get("/explain?url=/x")
    site, search, _ = [verdict["detail"] for verdict in found["verdicts"]]
    assert site == "The whole site is held. Its window ends at 2030-03-17 19:00 UTC."
    assert search == "The flag is off. Its window begins at 2030-03-24 03:00 CET."


async def test_explain_says_when_a_flip_lifts_itself(stage: Stage) -> None:
    document = await stage.patch("site", {"enabled": True, "for": "30m"})
    assert document["page"]["retry_after"] == 1800
    (site, *_) = (await stage.get("/explain?url=/x"))["verdicts"]
    assert site["detail"] == "The whole site is held. It is lifted at 2030-03-17 18:16 UTC."


async def test_a_flag_that_is_on_for_too_long_is_forgotten_and_stays_on(start: Any) -> None:
    flags = (replace(SITE, longest=3600.0), replace(SEARCH, longest=7200.0))
    stage: Stage = await start(flags=flags)
    long_on = LongOn(stage.clock)
    stage.state.subscribe(long_on.follow)
    await stage.patch("site", {"enabled": True})
    stage.clock.now = NOW + 3599.0
    await stage.patch("site", {"reason": "still at it", "page": {"message": "soon"}})
    assert long_on.forgotten == []
    stage.clock.now = NOW + 3600.0
    (found,) = long_on.forgotten
    assert (found.flag, found.since, found.longest) == ("site", NOW, 3600.0)
    assert (await stage.get("/flags/site"))["enabled"] is True
    await stage.patch("site", {"enabled": False})
    assert long_on.forgotten == []


async def test_a_window_is_forgotten_by_its_start(start: Any) -> None:
    window = Window(Occurrence(NOW - 60.0, NOW + 7200.0))
    flag = replace(SITE, state=replace(SITE.state, window=window), longest=3600.0)
    stage: Stage = await start(flags=(flag,))
    long_on = LongOn(stage.clock)
    long_on.follow(stage.state.snapshot)
    stage.clock.now = NOW + 3540.0
    assert [each.since for each in long_on.forgotten] == [NOW - 60.0]

"""Every flag is counted for, and only those are asked that may be concerned."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.census import Census
from gateway.core.evidence import Evidence
from gateway.core.flags import Mode
from gateway.core.request import Facts
from gateway.core.rules import Rule
from gateway.core.snapshot import Snapshot
from tests.core.test_index import requests, snapshots
from tests.support.flags import ask, exempt, flag, snapshot, user_flag


def counts(*asked: Facts, of: Snapshot) -> tuple[int, ...]:
    census = Census(of.rules)
    for request in asked:
        census.add(request)
    return census.counts


@settings(max_examples=200)
@given(snapshots, st.lists(requests, max_size=4))
def test_every_flag_counts_as_if_it_was_asked_of_each(snap: Snapshot, asked: list[Facts]) -> None:
    expected = [
        sum(rule.concerns(Evidence(request), None) for request in asked) for rule in snap.rules
    ]
    assert list(counts(*asked, of=snap)) == expected


def test_a_flag_counts_what_it_would_hold_whether_on_or_off() -> None:
    off = flag("f", "/search", enabled=False, allow=exempt("/search/help"))
    asked = (ask("/%73earch"), ask("/x"), ask("/search/help"))
    assert counts(*asked, of=snapshot(off)) == (1,)
    assert counts(ask(), ask(method="POST"), of=snapshot(flag("f", mode=Mode.READ_ONLY))) == (1,)


def test_a_per_user_flag_counts_those_that_its_state_holds() -> None:
    listed = user_flag("u", users=["bob"], allow=exempt(users=["ops"]))
    asked = [ask(cookie=f"uid={user}") for user in ("bob", "eve", "ops")]
    assert counts(*asked, ask(), of=snapshot(listed)) == (1,)
    assert counts(
        *asked, of=snapshot(replace(listed, state=replace(listed.state, rollout=100)))
    ) == (2,)


def test_flags_that_no_request_can_be_in_the_scope_of_are_not_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compiled = snapshot(*(flag(f"f{i}", f"/p{i}", enabled=False) for i in range(1000)))
    known, asked = Rule.concerns, []

    def concerns(rule: Rule, evidence: Evidence, user: str | None) -> bool:
        asked.append(rule.order)
        return known(rule, evidence, user)

    monkeypatch.setattr(Rule, "concerns", concerns)
    found = counts(*(ask(f"/p{i % 2}/x") for i in range(1000)), of=compiled)
    assert found[:3] == (500, 500, 0)
    assert set(asked) == {0, 1}
    assert len(asked) == 1000

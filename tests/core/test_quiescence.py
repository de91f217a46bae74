"""The verdict over a drain, law by law, and whether a flag has held meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.flags import Exemptions, Flag
from gateway.core.overrides import Override, state_digest
from gateway.core.quiescence import (
    Continuity,
    Impossible,
    MemberSeen,
    Question,
    Quiescent,
    Report,
    Standing,
    Waiting,
    continuity,
    may_report,
    verdict,
)
from gateway.core.snapshot import Snapshot, compile_snapshot
from gateway.core.windows import Course, Window
from tests.support.flags import exempt, flag, user_flag

N = 7
ASKED = Question(N)
STRICT = Question(N, strict=True)
NONE_LEFT, SOME_LEFT = Report(N, 0, finished=2), Report(N, 3)


def seen(standing: Standing = Standing.LIVE, **more: object) -> MemberSeen:
    return MemberSeen("m", standing, **more)  # type: ignore[arg-type]


def test_all_that_live_have_none_left() -> None:
    found = verdict(ASKED, [seen(report=NONE_LEFT), replace(seen(report=NONE_LEFT), name="n")])
    assert isinstance(found, Quiescent)
    assert found.tally.members == ("m", "n")
    assert found.tally.finished == 4


@pytest.mark.parametrize("report", [None, Report(N - 1, 0), SOME_LEFT])
@pytest.mark.parametrize("standing", [Standing.LIVE, Standing.LEAVING])
def test_who_lives_is_waited_for(standing: Standing, report: Report | None) -> None:
    found = verdict(replace(STRICT, assume_gone=frozenset("m")), [seen(standing, report=report)])
    assert isinstance(found, Waiting)
    assert found.on == ("m",)


@pytest.mark.parametrize("standing", list(Standing))
def test_a_report_of_none_left_settles_whatever_becomes_of_the_member(standing: Standing) -> None:
    members = [seen(standing, in_flight=9, report=NONE_LEFT)]
    assert isinstance(verdict(ASKED, members), Quiescent)


def test_a_report_of_a_later_revision_counts_and_of_an_earlier_one_does_not() -> None:
    assert isinstance(verdict(ASKED, [seen(report=Report(N + 1, 0))]), Quiescent)
    assert isinstance(verdict(ASKED, [seen(report=Report(N - 1, 0))]), Waiting)


def test_a_silent_member_is_waited_for_unless_the_flag_is_strict_or_it_is_said_to_be_gone() -> None:
    silent = [seen(Standing.SILENT)]
    waiting = verdict(ASKED, silent)
    assert isinstance(waiting, Waiting)
    assert "silent" in waiting.why
    for question in (STRICT, replace(ASKED, assume_gone=frozenset("m"))):
        found = verdict(question, silent)
        assert isinstance(found, Quiescent)
        assert found.tally.missing == ("m",)


def test_to_be_said_to_be_gone_helps_only_for_the_member_that_is_named() -> None:
    assert isinstance(
        verdict(replace(ASKED, assume_gone=frozenset("x")), [seen(Standing.SILENT)]), Waiting
    )


@pytest.mark.parametrize("standing", [Standing.SILENT, Standing.CRASHED])
@pytest.mark.parametrize(
    "had", [{"in_flight": 2}, {"abandoned": 2}, {"report": Report(N, 1, abandoned=1)}]
)
def test_what_a_member_had_that_is_gone_are_orphans(
    standing: Standing, had: dict[str, object]
) -> None:
    members = [seen(standing, **had)]
    refused = verdict(STRICT, members)
    assert isinstance(refused, Impossible)
    assert refused.tally.abandoned == 2
    assert isinstance(verdict(replace(STRICT, accept_orphans=True), members), Quiescent)
    aged = [replace(member, gone_for=300.0) for member in members]
    for question in (STRICT, replace(STRICT, assume_gone=frozenset("m"))):
        ended = standing is Standing.CRASHED or question.assume_gone or "abandoned" in had
        assert isinstance(verdict(question, aged), Quiescent if ended else Impossible)


def test_a_tunnel_through_a_silent_member_has_no_end() -> None:
    silent = seen(Standing.SILENT, in_flight=1, abandoned=1, gone_for=1e9)
    refused = verdict(STRICT, [silent])
    assert isinstance(refused, Impossible)
    assert refused.tally.abandoned == 1
    dead = replace(silent, standing=Standing.CRASHED)
    assert isinstance(verdict(STRICT, [dead]), Quiescent)


def test_a_report_tells_better_than_a_beat_what_is_in_scope() -> None:
    found = verdict(STRICT, [seen(Standing.CRASHED, in_flight=50, report=Report(N, 1))])
    assert found.tally.abandoned == 1


def test_abandoned_exchanges_refuse_only_once_nobody_is_waited_for() -> None:
    given_up = seen(report=Report(N, 0, abandoned=1))
    assert isinstance(verdict(ASKED, [given_up, seen()]), Waiting)
    assert isinstance(verdict(ASKED, [given_up]), Impossible)


def test_what_goes_on_elsewhere_refuses_at_once_unless_it_is_taken_on() -> None:
    elsewhere = replace(ASKED, unseen=True)
    for members in ([seen(report=Report(N, 0))], [seen()]):
        refused = verdict(elsewhere, members)
        assert isinstance(refused, Impossible)
        assert "another proxy" in refused.why
    taken_on = replace(elsewhere, accept_unseen=True)
    assert isinstance(verdict(taken_on, [seen()]), Waiting)
    assert isinstance(verdict(taken_on, [seen(report=Report(N, 0))]), Quiescent)


def test_no_member_at_all_is_never_quiescent() -> None:
    assert isinstance(verdict(replace(STRICT, accept_orphans=True), []), Impossible)


REPORTS = st.none() | st.builds(Report, st.integers(N - 1, N + 1), *[st.integers(0, 2)] * 4)
MEMBERS = st.lists(
    st.builds(
        MemberSeen,
        st.sampled_from("abc"),
        st.sampled_from(Standing),
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from([0.0, 400.0]),
        REPORTS,
    ),
    max_size=4,
    unique_by=lambda member: member.name,
)
QUESTIONS = st.builds(
    Question, st.just(N), st.booleans(), st.frozensets(st.sampled_from("abc")), st.booleans()
)


@given(QUESTIONS, MEMBERS)
def test_quiescent_means_that_each_has_none_left_or_is_gone(
    question: Question, members: list[MemberSeen]
) -> None:
    if not isinstance(verdict(question, members), Quiescent):
        return
    assert members
    for member in members:
        report = member.report
        told = report is not None and report.revision >= N and not report.in_flight
        gone = member.standing is Standing.CRASHED or (
            member.standing is Standing.SILENT
            and (question.strict or member.name in question.assume_gone)
        )
        assert told or gone


@given(QUESTIONS, MEMBERS)
def test_taking_more_upon_oneself_never_makes_a_yes_a_no(
    question: Question, members: list[MemberSeen]
) -> None:
    if isinstance(verdict(question, members), Quiescent):
        bold = replace(question, strict=True, accept_orphans=True, assume_gone=frozenset("abc"))
        assert isinstance(verdict(bold, members), Quiescent)


# May a member answer?


def test_a_member_answers_only_while_it_serves_the_flag_on() -> None:
    on, off = snapshot(flag("site")), snapshot(flag("site", enabled=False))
    assert may_report(N, N, on.rule("site"), None)
    assert not may_report(N, N - 1, on.rule("site"), None)
    assert not may_report(N, None, on.rule("site"), None)
    assert not may_report(N, N, off.rule("site"), None)
    assert not may_report(N, N, on.rule("other"), None)


# Has the flag held?


def snapshot(
    *flags: Flag, revision: int = 1, allow: Exemptions | None = None, **on: float
) -> Snapshot:
    overrides = {
        each.name: Override(state_digest(each.state), {"enabled": True}, on[each.name], "ann", "")
        for each in flags
        if each.name in on
    }
    return compile_snapshot(
        flags, overrides, revision=revision, allow=allow or Exemptions(), now=0.0
    )


def listing(*users: str, revision: int, at: float) -> Snapshot:
    reindex = user_flag("site")
    override = Override(state_digest(reindex.state), {"users": list(users)}, at, "ann", "")
    return compile_snapshot(
        [reindex], {"site": override}, revision=revision, allow=Exemptions(), now=0.0
    )


OFF = flag("site", enabled=False)
HOURLY = Window(cron="0 * * * *", lasts=600.0)


@pytest.mark.parametrize(
    ("before", "after", "found"),
    [
        (snapshot(OFF, site=1.0), snapshot(OFF, revision=2, site=1.0), Continuity.HELD),
        (snapshot(OFF, site=1.0), snapshot(OFF, revision=3, site=2.0), Continuity.MOVED),
        (snapshot(OFF, site=1.0), snapshot(OFF, revision=2), Continuity.LIFTED),
        (snapshot(OFF, site=1.0), snapshot(revision=2), Continuity.LIFTED),
        (snapshot(OFF), snapshot(OFF, revision=2, site=1.0), Continuity.MOVED),
        # The YAML alone does not tell whether the flag was off in between.
        (snapshot(flag("site")), snapshot(flag("site")), Continuity.HELD),
        (snapshot(flag("site")), snapshot(flag("site"), revision=3), Continuity.MOVED),
        # Another scope, other exemptions
        (
            snapshot(OFF, site=1.0),
            snapshot(flag("site", "/a", enabled=False), revision=2, site=1.0),
            Continuity.MOVED,
        ),
        (
            snapshot(OFF, site=1.0, allow=exempt("/healthz")),
            snapshot(OFF, revision=2, site=1.0),
            Continuity.MOVED,
        ),
    ],
)
def test_whether_a_flag_has_held(before: Snapshot, after: Snapshot, found: Continuity) -> None:
    assert continuity(before, after, "site", None) is found


def test_other_users_may_come_and_go() -> None:
    before = listing("ann", "bob", revision=1, at=1.0)
    after = listing("ann", "cid", revision=2, at=2.0)
    assert continuity(before, after, "site", "ann") is Continuity.HELD
    assert continuity(before, after, "site", "cid") is Continuity.MOVED
    assert continuity(before, after, "site", "bob") is Continuity.LIFTED
    assert continuity(before, after, "site", None) is Continuity.MOVED


def test_a_user_s_hold_in_one_window_is_not_taken_for_that_in_the_next() -> None:
    plain = user_flag("site", users=("ann",))
    windowed = replace(plain, state=replace(plain.state, window=HOURLY))

    def within(start: float, revision: int) -> Snapshot:
        course = Course(HOURLY.key, start, start + HOURLY.lasts)
        override = Override(state_digest(windowed.state), {"ttl": 5}, 1.0, "ann", course=course)
        return compile_snapshot(
            [windowed], {"site": override}, revision=revision, allow=Exemptions(), now=start
        )

    found = continuity(within(3600.0, 1), within(7200.0, 3), "site", "ann")
    assert found is Continuity.MOVED

"""The judge of the soak, on records that are made up."""

from __future__ import annotations

import json
import math
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tests.soak.judge import Request, Scope, Window, closest, overlaps, read_windows

FEATURE, PEOPLE = Scope("feature", "f"), Scope("people", "p", per_user=True)


def request(start: float, end: float, scope: str = "f", user: str | None = None) -> Request:
    return Request("1", "get", scope, user, start, end)


def found(one: Request, *windows: Window) -> bool:
    return bool(overlaps([one], windows, [FEATURE, PEOPLE]))


def test_request_under_way_when_the_command_starts_overlaps() -> None:
    assert found(request(0, 2), Window("feature", None, 1, 3))


def test_request_that_starts_while_the_command_runs_overlaps() -> None:
    assert found(request(2, 4), Window("feature", None, 1, 3))


def test_request_within_the_window_overlaps() -> None:
    assert found(request(1.5, 2), Window("feature", None, 1, 3))


def test_request_around_the_window_overlaps() -> None:
    assert found(request(0, 9), Window("feature", None, 1, 3))


def test_request_that_touches_the_window_overlaps() -> None:
    assert found(request(0, 1), Window("feature", None, 1, 3))
    assert found(request(3, 4), Window("feature", None, 1, 3))


def test_request_before_or_after_the_window_does_not_overlap() -> None:
    assert not found(request(0, 0.9), Window("feature", None, 1, 3))
    assert not found(request(3.1, 4), Window("feature", None, 1, 3))


def test_request_without_an_end_overlaps_every_later_window() -> None:
    assert found(request(0, math.inf), Window("feature", None, 1, 3))
    assert not found(request(4, math.inf), Window("feature", None, 1, 3))


def test_window_without_an_end_overlaps_every_later_request() -> None:
    assert found(request(5, 6), Window("feature", None, 1))


def test_long_window_is_not_hidden_by_a_later_short_one() -> None:
    long, short = Window("feature", None, 1, 9), Window("feature", None, 2, 3)

    assert found(request(5, 6), long, short)


def test_window_of_another_flag_does_not_count() -> None:
    assert not found(request(0, 2), Window("people", "ann", 1, 3))


def test_window_of_one_user_counts_for_that_user_alone() -> None:
    window = Window("people", "ann", 1, 3)

    assert found(request(0, 2, "p", "ann"), window)
    assert not found(request(0, 2, "p", "bob"), window)
    assert not found(request(0, 2, "p"), window)


def concerns(scope: Scope, one: Request, window: Window) -> bool:
    whose = not scope.per_user or one.user == window.user
    return window.flag == scope.flag and one.scope == scope.path and whose


times = st.integers(0, 12).map(float)
users = st.sampled_from([None, "ann", "bob"])
spans = st.tuples(times, times).map(sorted)
requests = st.builds(
    lambda scope, user, span: Request("1", "get", scope, user, *span),
    st.sampled_from(["f", "p", "free"]), users, spans,
)  # fmt: skip
windows = st.one_of(
    st.builds(lambda span: Window("feature", None, *span), spans),
    st.builds(lambda user, span: Window("people", user, *span), st.sampled_from("ab"), spans),
    st.builds(lambda span: Window("people", "ann", *span), spans),
)


@given(st.lists(requests, max_size=8), st.lists(windows, max_size=8))
def test_the_same_is_found_as_by_comparing_all_with_all(
    asked: list[Request], run: list[Window]
) -> None:
    naive = [
        any(
            concerns(scope, one, window) and one.start <= window.end and window.start <= one.end
            for window in run
            for scope in (FEATURE, PEOPLE)
        )
        for one in asked
    ]

    by_judge = [bool(overlaps([one], run, [FEATURE, PEOPLE])) for one in asked]

    assert by_judge == naive
    assert len(overlaps(asked, run, [FEATURE, PEOPLE])) == sum(naive)


def test_closest_end_before_a_window() -> None:
    asked = [request(0, 1), request(0, 2.5), request(0, 2.9, "p", "bob"), request(5, 6)]

    assert closest(asked, [Window("feature", None, 3, 4)], [FEATURE, PEOPLE]) == 0.5


def test_runs_are_read_with_those_that_did_not_end(tmp_path: Path) -> None:
    lines = [
        ["1", "start", "feature", None, 1.0],
        ["2", "start", "people", "ann", 2.0],
        ["1", "end", "feature", None, 3.0],
    ]
    (tmp_path / "runs").write_text("".join(json.dumps(line) + "\n" for line in lines))

    assert read_windows(tmp_path / "runs") == [
        Window("feature", None, 1.0, 3.0),
        Window("people", "ann", 2.0),
    ]
    assert read_windows(tmp_path / "none") == []

"""The bench's arithmetic; its load is not for a test run."""

from __future__ import annotations

import json

import pytest

from bench.table import (
    BROWSER,
    FORWARD,
    GATEWAY,
    REFUSE,
    Limit,
    Sample,
    compare,
    cpu,
    document,
    ratio,
    read_samples,
    since,
)


def rounds(*figures: float) -> list[Sample]:
    return [Sample(cpu=us, p50=1500, p99=12_000, memory=5 << 20, rate=1e6 / us) for us in figures]


# The machine halves its speed in the third round; the gateway is always 1.2 times nginx.
DRIFTING = {
    FORWARD: {"nginx": rounds(10, 10, 20, 20, 20), GATEWAY: rounds(12, 12, 24, 24, 24)},
    BROWSER: {"nginx": rounds(10, 10, 20, 20, 20)},
    REFUSE: {GATEWAY: rounds(7, 8, 9, 9, 100)},
}


def test_figure_is_the_middle_round() -> None:
    assert cpu(DRIFTING[REFUSE][GATEWAY]) == 9


def test_ratio_is_taken_round_by_round_so_drift_cancels_out() -> None:
    figures = DRIFTING[FORWARD]

    assert ratio(figures[GATEWAY], figures["nginx"]) == pytest.approx(1.2)


def test_table_leaves_out_what_was_not_measured() -> None:
    table = compare(DRIFTING, "nginx", ["nginx", GATEWAY], [FORWARD, BROWSER, REFUSE])

    assert table.head[:5] == ["proxy", "forward, µs", "to nginx", f"{BROWSER}, µs", "to nginx"]
    assert table.lines == [
        ["nginx", "20.0", "1.00", "20.0", "1.00", "", "", "1.5", "12.0", "5"],
        [GATEWAY, "24.0", "1.20", "", "", "9.0", "", "1.5", "12.0", "5"],
    ]


def test_markdown_table_has_its_rule_and_one_line_a_proxy() -> None:
    table = compare(DRIFTING, "nginx", ["nginx"], [FORWARD])

    assert table.markdown().splitlines() == [
        "| proxy | forward, µs | to nginx | p50, ms | p99, ms | MiB |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        "| nginx | 20.0 | 1.00 | 1.5 | 12.0 | 5 |",
    ]


@pytest.mark.parametrize(("at_most", "kept"), [(1.3, True), (1.1, False)])
def test_limit_says_whether_it_is_kept(at_most: float, kept: bool) -> None:  # noqa: FBT001 a case
    verdict = Limit(FORWARD, GATEWAY, "nginx", at_most).verdict(DRIFTING)

    assert verdict is not None
    assert verdict[0] is kept
    assert "costs 1.20 times nginx" in verdict[1]


def test_limit_says_nothing_of_what_was_not_measured() -> None:
    assert Limit(REFUSE, GATEWAY, "nginx", 1.5).verdict(DRIFTING) is None


def test_run_read_back_compares_with_itself_as_unchanged() -> None:
    text = json.dumps(document(DRIFTING, {"machine": "any"}))
    earlier = read_samples(json.loads(text))

    assert earlier == DRIFTING
    assert since(DRIFTING, earlier).lines == [[FORWARD, "1.20", "1.20", "1.00"]]

"""What an answer means, and how long to wait."""

from __future__ import annotations

import pytest

from gateway.webhooks.outcome import LAST_PAUSE, Outcome, Verdict, judge, pause

NOW = 1_900_000_000.0


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *((status, Verdict.DELIVERED) for status in (200, 202, 204, 299)),
        *((status, Verdict.REFUSED) for status in (301, 302, 307, 400, 401, 403, 404, 422)),
        *((status, Verdict.RETRY) for status in (408, 425, 429, 500, 502, 503, 504, 599)),
        (410, Verdict.GONE),
    ],
)
def test_each_status_means_one_thing(status: int, verdict: Verdict) -> None:
    assert judge(status, None, NOW).verdict is verdict


def test_a_success_has_no_error_and_the_others_say_the_status() -> None:
    assert judge(204, None, NOW) == Outcome(Verdict.DELIVERED, 204)
    assert judge(302, None, NOW).error == "it answered 302: redirects are not followed"
    assert judge(500, None, NOW).error == "it answered 500"


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("120", 120.0),
        (" 5 ", 5.0),
        ("Sun, 17 Mar 2030 17:47:40 GMT", 60.0),
        ("Sun, 17 Mar 2030 17:00:00 GMT", 0.0),
        ("soon", 0.0),
        ("-3", 0.0),
        ("", 0.0),
        (None, 0.0),
        ("9" * 400, 0.0),
        ("Sun, 17 Mar 2030 17:47:40 +99999999999999999999", 0.0),
        ("Sun, 17 Mar 2030 99999999999999999999:47:40 GMT", 0.0),
    ],
)
def test_a_receiver_may_ask_to_be_let_alone(field: str | None, seconds: float) -> None:
    assert judge(429, field, NOW).wait == seconds
    assert judge(503, field, NOW).wait == seconds


def test_pauses_grow_to_a_bound_and_are_never_all_the_same() -> None:
    longest = [pause(failures, lambda: 1.0) for failures in range(1, 12)]
    assert longest[:4] == [2.0, 4.0, 8.0, 16.0]
    assert longest[-1] == LAST_PAUSE == pause(10_000, lambda: 1.0)
    assert [pause(failures, lambda: 0.0) * 2 for failures in range(1, 12)] == longest

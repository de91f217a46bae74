"""What a receiver's answer means, and how long to wait until the next try. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum

FIRST_PAUSE, LAST_PAUSE = 2.0, 300.0  # seconds between tries: doubled each time, up to the last
_AGAIN = frozenset({408, 425, 429})  # the only 4xx that another try may mend


class Verdict(StrEnum):
    """What is to be done after a try."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"  # for good: this message
    GONE = "gone"  # for good: this receiver


@dataclass(frozen=True, slots=True)
class Outcome:
    """One try. ``error`` says why it failed, with nothing in it of the address.

    ``wait`` is for how many seconds the receiver asks to be let alone.
    """

    verdict: Verdict
    status: int | None = None
    error: str | None = None
    wait: float = 0.0


def judge(status: int, retry_after: str | None, now: float) -> Outcome:
    """The outcome of an answer; ``now`` is seconds since the epoch."""
    if 200 <= status < 300:
        return Outcome(Verdict.DELIVERED, status)
    error = f"it answered {status}"
    if status == 410:
        return Outcome(Verdict.GONE, status, f"{error}: nothing more is sent to it")
    if status >= 500 or status in _AGAIN:
        return Outcome(Verdict.RETRY, status, error, _seconds(retry_after, now))
    if 300 <= status < 400:
        error += ": redirects are not followed"
    return Outcome(Verdict.REFUSED, status, error)


def unreached(why: str) -> Outcome:
    """There was no answer."""
    return Outcome(Verdict.RETRY, error=why)


def pause(failures: int, chance: Callable[[], float]) -> float:
    """Seconds after so many failed tries in a row; ``chance`` is from 0 to 1.

    Between a half of it and all, so that receivers that are back are not met by all at once.
    """
    longest: float = min(FIRST_PAUSE * 2 ** min(max(failures - 1, 0), 16), LAST_PAUSE)
    return longest * (0.5 + 0.5 * chance())


def _seconds(field: str | None, now: float) -> float:
    text = (field or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, OverflowError):  # numbers of any length are tried as an hour, or a zone
        return 0.0
    return max(0.0, (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() - now)

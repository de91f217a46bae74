"""How long: seconds as a number, or text with a unit."""

from __future__ import annotations

import re

LONGEST_TIME = 366 * 86_400.0  # seconds: a year


def parse_duration(value: object) -> float:
    """Seconds: of a number, or of ``90``, ``90s``, ``5m``, ``2h``, ``1d``, ``500ms`` as text.

    Raises ``ValueError``, whose message says what is wrong, for anything else: a negative
    or endless time too.
    """
    if isinstance(value, str):
        found = _TEXT.fullmatch(value.strip())
        if found is None:
            raise ValueError(_EXPECTED)
        return float(found[1]) * _UNITS[found[2]]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(_EXPECTED)  # noqa: TRY004 one error for all that a document may hold
    if not 0 <= value <= _LONGEST:  # neither is NaN
        raise ValueError("must be neither negative nor endless")
    return float(value)


def within_a_year(value: object) -> float:
    """The same, of a year at most."""
    seconds = parse_duration(value)
    if seconds > LONGEST_TIME:
        raise ValueError("must be a year at most")
    return seconds


_EXPECTED = "must be seconds, or a duration such as 90s, 5m or 2h"
_TEXT = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*(ms|s|m|h|d|)", re.ASCII)
_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_LONGEST = 10**17

"""What a caller asks of a flag: a merge patch of its override, read and checked whole.

A patch comes from outside, so every error in it is found at once and named by its path.
Nothing is ignored: a key that this version does not know is an error, because a flip that
seems to have worked and did nothing would leave the site open.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from gateway.core.durations import within_a_year
from gateway.core.flags import Mode
from gateway.core.window_reading import WindowError, read_window

MOST_USERS = 10_000
LONGEST_USER = 512  # characters
LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True)
class Patch:
    """A valid patch. ``values`` has dotted keys; None takes a key back to the YAML's.

    ``lasts`` is seconds after which the flip lifts itself (``for``), None: it does not.
    """

    values: Mapping[str, object]
    reason: str = ""
    lasts: float | None = None


class PatchError(Exception):
    """A patch that cannot be applied; ``errors`` are (path, message) in the order found."""

    def __init__(self, errors: Sequence[tuple[str, str]]) -> None:
        self.errors = tuple(errors)
        super().__init__("; ".join(f"{path}: {text}" if path else text for path, text in errors))


def read_patch(document: object) -> Patch:
    """Check a merge patch (JSON, RFC 7396) of the keys an override may have.

    ``enabled``, ``users``, ``rollout`` (0-100), ``ttl`` (seconds or duration text),
    ``mode``, ``page: {message, retry_after}`` (``page.message`` as one key too), ``window``
    (taken whole; false for none), each of which may be null, and beside them ``reason`` and
    ``for`` (a duration). Raises ``PatchError`` with all errors.
    """
    reading = _Reading()
    if not isinstance(document, Mapping):
        raise PatchError([("", "must be a JSON object")])
    for key, value in document.items():
        reading.key(str(key), value)
    if reading.lasts is not None and not reading.values and not reading.errors:
        reading.fail("for", "needs a key beside it that is to be lifted")
    if reading.errors:
        raise PatchError(reading.errors)
    return Patch(reading.values, reading.reason, reading.lasts)


def read_users(value: object, path: str = "users") -> tuple[str, ...]:
    """A list of users, each once and in order. Raises ``PatchError`` with all errors."""
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise PatchError([(path, "must be a list of texts")])
    if len(value) > MOST_USERS:
        raise PatchError([(path, f"has {len(value)} users; at most {MOST_USERS}")])
    checked = [(f"{path}[{place}]", _user_error(user)) for place, user in enumerate(value)]
    errors = [(where, error) for where, error in checked if error]
    if errors:
        raise PatchError(errors)
    return tuple(dict.fromkeys(value))


def read_lasts(value: object) -> float | None:
    """What ``for`` says, in seconds; None where it is null. Raises ``PatchError``."""
    if value is None:
        return None
    try:
        lasts = within_a_year(value)
    except ValueError as error:
        raise PatchError([("for", str(error))]) from error
    if not lasts:
        raise PatchError([("for", "must be longer than nothing")])
    return lasts


class _Reading:
    # The one pass over a document: what is valid goes to its place, the rest to errors.

    def __init__(self) -> None:
        self.values: dict[str, object] = {}
        self.reason = ""
        self.lasts: float | None = None
        self.errors: list[tuple[str, str]] = []

    def fail(self, path: str, message: str) -> None:
        self.errors.append((path, message))

    def key(self, key: str, value: object) -> None:
        if key == "page":
            self._page(value)
        elif key == "reason":
            self._reason(value)
        elif key == "for":
            self._for(value)
        elif key in _READERS:
            self._value(key, value)
        elif key in _FIXED:
            self.fail(key, "comes from the YAML alone and cannot be flipped")
        else:
            self.fail(key, f"unknown key; known are {', '.join(_KNOWN)}")

    def _value(self, key: str, value: object) -> None:
        if key in self.values:
            self.fail(key, "is given twice")
        elif value is None:
            self.values[key] = None
        else:
            try:
                self.values[key] = _READERS[key](value)
            except PatchError as error:
                self.errors.extend(error.errors)
            except ValueError as error:
                self.fail(key, str(error))

    def _page(self, value: object) -> None:
        if value is None:
            value = {"message": None, "retry_after": None}
        if not isinstance(value, Mapping):
            self.fail("page", "must be an object")
            return
        for key, part in value.items():
            if f"page.{key}" in _READERS:
                self._value(f"page.{key}", part)
            else:
                self.key(f"page.{key}", part)

    def _reason(self, value: object) -> None:
        try:
            self.reason = "" if value is None else _text(value)
        except ValueError as error:
            self.fail("reason", str(error))

    def _for(self, value: object) -> None:
        try:
            self.lasts = read_lasts(value)
        except PatchError as error:
            self.errors.extend(error.errors)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("must be true or false")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be a text")  # noqa: TRY004 one error for all a document may hold
    if len(value) > LONGEST_TEXT:
        raise ValueError(f"has {len(value)} characters; at most {LONGEST_TEXT}")
    if not _encodable(value):
        raise ValueError("holds half of a surrogate pair, which is no character")
    return value


def _percentage(value: object) -> float:
    if not isinstance(value, bool) and isinstance(value, int | float) and 0 <= value <= 100:
        return value
    raise ValueError("must be a number from 0 to 100")


def _whole_seconds(value: object) -> int:
    seconds = within_a_year(value)
    if seconds != int(seconds):
        raise ValueError("must be whole seconds")
    return int(seconds)


def _mode(value: object) -> str:
    if value not in tuple(Mode):
        raise ValueError(f"must be one of {', '.join(Mode)}")
    return str(value)


def _window(value: object) -> object:
    if value is False:
        return False
    if not isinstance(value, Mapping):
        raise ValueError("must be {start, end} or {cron, for}, or false for none")  # noqa: TRY004 as _text
    try:
        return read_window(value).document()
    except WindowError as error:
        raise PatchError(
            [(f"window.{key}" if key else "window", text) for key, text in error.errors]
        ) from error


def _user_error(user: object) -> str | None:
    if not isinstance(user, str):
        return "must be a text"
    if not user or len(user) > LONGEST_USER:
        return f"must have 1 to {LONGEST_USER} characters"
    if not _encodable(user) or any(ord(character) < 0x20 for character in user):
        return "must have no control characters and no lone surrogates"
    return None


def _encodable(text: str) -> bool:
    return not any(0xD800 <= ord(character) <= 0xDFFF for character in text)


_READERS: Mapping[str, Callable[[object], object]] = {
    "enabled": _bool,
    "users": lambda value: list(read_users(value)),
    "rollout": _percentage,
    "ttl": within_a_year,
    "mode": _mode,
    "page.message": _text,
    "page.retry_after": _whole_seconds,
    "window": _window,
}
_KNOWN = (*_READERS, "reason", "for")
_FIXED = frozenset({"description", "hosts", "paths", "methods", "user", "allow", "strict"}) | {
    *("case_sensitive", "hold", "max", "notice", "source", "strip"),
    *("page.title", "page.template", "page.status", "page.url", "page.progress"),
}

"""Readers of single values: each takes a node and gives a value or raises ``Invalid``.

No message repeats the value: it may hold a secret that a variable brought in.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import StrEnum
from typing import TypeVar

from gateway.config.errors import Invalid
from gateway.config.nodes import Node, Scalar
from gateway.config.section import did_you_mean
from gateway.config.settings import Secret
from gateway.core.durations import parse_duration

LONGEST = 366 * 86_400.0  # seconds: a year

E_ = TypeVar("E_", bound=StrEnum)


def text(node: Node) -> str:
    """Text as it was written: a bare 1234 is "1234". A bare ``no`` is refused, not guessed at."""
    match node:
        case Scalar(value=bool()):
            raise Invalid(
                f'must be text; YAML reads a bare {node.text} as true or false: write "{node.text}"'
            )
        case Scalar(value=None):
            raise Invalid("must be text")
        case Scalar():
            return node.text
        case _:
            raise Invalid("must be text")


def word(node: Node) -> str:
    """Text that has at least one character and no control characters."""
    found = text(node)
    if not found.strip():
        raise Invalid("must not be empty")
    if _CONTROL.search(found):
        raise Invalid("must have no control characters")
    return found


def token_text(node: Node) -> str:
    """A cookie's or a header's name, or a method: a token of RFC 9110."""
    found = text(node)
    if not _TOKEN.fullmatch(found):
        raise Invalid("must be a name of letters, digits and !#$%&'*+-.^_`|~")
    return found


def secret(node: Node) -> Secret:
    """A bearer token or a key: visible ASCII, so that it fits into a header unchanged."""
    # What a variable holds is taken whatever YAML would make of it: "no" may be a token.
    found = node.text if isinstance(node, Scalar) and node.from_environment else text(node)
    if not found:
        raise Invalid("is empty; an empty secret would let everybody in")
    if not _VISIBLE.fullmatch(found):
        raise Invalid("must be of visible ASCII characters, without spaces or line ends")
    return Secret(found)


def boolean(node: Node) -> bool:
    if isinstance(node, Scalar) and isinstance(node.value, bool):
        return node.value
    raise Invalid("must be true or false")


def integer(least: int, most: int) -> Callable[[Node], int]:
    """A reader of whole numbers in decimal."""

    def read(node: Node) -> int:
        value = _number(node)
        if not isinstance(value, int):
            raise Invalid("must be a whole number")
        if not least <= value <= most:
            raise Invalid(f"must be from {least} to {most}")
        return value

    return read


def percentage(node: Node) -> float:
    value = _number(node)
    if value is None or not 0 <= value <= 100:
        raise Invalid("must be a number from 0 to 100")
    return float(value)


def duration(node: Node) -> float:
    """Seconds, 0 allowed."""
    if not isinstance(node, Scalar) or isinstance(node.value, bool | None):
        raise Invalid("must be seconds, or a duration such as 90s, 5m or 2h")
    try:
        seconds = parse_duration(node.value)
    except ValueError as error:
        raise Invalid(str(error)) from error
    if seconds > LONGEST:
        raise Invalid("must be a year at most")
    return seconds


def positive_duration(node: Node) -> float:
    seconds = duration(node)
    if not seconds:
        raise Invalid("must be more than 0")
    return seconds


def whole_seconds(node: Node) -> int:
    seconds = duration(node)
    if seconds != int(seconds):
        raise Invalid("must be whole seconds")
    return int(seconds)


def choice(kind: type[E_]) -> Callable[[Node], E_]:
    """A reader of one of an enum's values."""

    def read(node: Node) -> E_:
        found = text(node)
        known = [str(member) for member in kind]
        if found not in known:
            hint = did_you_mean(found, known)
            raise Invalid(f"must be one of {', '.join(known)}{hint}")
        return kind(found)

    return read


def _number(node: Node) -> int | float | None:
    value = node.value if isinstance(node, Scalar) else None
    return None if isinstance(value, bool | str) else value


_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+\-.^_`|~]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VISIBLE = re.compile(r"[!-~]+")

"""A document as values that know where they were written.

The YAML and the environment both become these nodes, so that a reader neither knows nor
cares which of the two a value came from, and an error always can say it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from yaml.nodes import ScalarNode
from yaml.resolver import Resolver

from gateway.config.errors import Origin


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value. ``text`` is what was written, whatever type YAML makes of it.

    ``value`` is None, bool, int, float or str. ``from_environment`` marks a value that a
    variable had a part in: an empty one is then never taken for "not given".
    """

    origin: Origin
    value: bool | float | str | None
    text: str
    from_environment: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    origin: Origin
    items: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the order written. A key is the text that was written."""

    origin: Origin
    entries: Mapping[str, Node] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """Something that could not be read and was reported: readers pass it by silently."""

    origin: Origin


Node = Scalar | Items | Table | Broken


def key_path(parent: str, key: str) -> str:
    """The path of a key: ``flags.search``; a key that is no plain word is quoted."""
    if _WORD.fullmatch(key):
        return f"{parent}.{key}" if parent else key
    return f"{parent}[{json.dumps(key)}]"


def scalar(origin: Origin, text: str, tag: str, *, from_environment: bool = False) -> Scalar:
    """A scalar of the type that its YAML tag says."""
    return Scalar(origin, _value(text, tag), text, from_environment)


def plain_scalar(origin: Origin, text: str, *, nullable: bool = False) -> Scalar:
    """A scalar from the environment, of the type that YAML would see in the bare text.

    Unless ``nullable``, an empty or "null" text stays text: a variable that was named and
    holds nothing is an error of its reader's, never "not given".
    """
    tag: str = _RESOLVER.resolve(ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag == _TAG + "null" and not nullable:
        tag = _TAG + "str"
    return scalar(origin, text, tag, from_environment=True)


def _value(text: str, tag: str) -> bool | float | str | None:
    match tag.removeprefix(_TAG):
        case "null":
            return None
        case "bool":
            return text.lower() in {"true", "yes", "on"}
        case "int" if _DECIMAL.fullmatch(text):
            return int(text.replace("_", ""))
        case "float" if _FRACTION.fullmatch(text):
            return float(text.replace("_", ""))
        case _:
            # YAML 1.1 also has octal (010), hexadecimal, base 60 (1:30), .inf and dates. Nobody
            # means those here: they stay the text that they are.
            return text


_TAG = "tag:yaml.org,2002:"
_RESOLVER = Resolver()
_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,17})")
_FRACTION = re.compile(r"[-+]?[0-9][0-9_]{0,17}\.[0-9_]{0,18}|[-+]?\.[0-9_]{1,18}")

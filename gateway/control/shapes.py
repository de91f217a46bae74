"""The words that the API's description is written in: JSON Schema of 2020-12, and no more of it.

What they describe is read by hand elsewhere (``core.patches``, ``bodies``, ``guards``); that the
two say the same is what Schemathesis tests. Where a pattern is narrower than the reader, as with
durations, it is so on purpose: what the description promises is always taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.core.durations import LONGEST_TIME
from gateway.core.patches import LONGEST_TEXT, LONGEST_USER, MOST_USERS

Shape = dict[str, object]

LONGEST_OWNER = 200  # characters of a guard's id

TEXT: Shape = {"type": "string"}
WHOLE: Shape = {"type": "integer"}
COUNT: Shape = {"type": "integer", "minimum": 0}
YES_NO: Shape = {"type": "boolean"}
ROLLOUT: Shape = {"type": "number", "minimum": 0, "maximum": 100}
REASON: Shape = {"type": "string", "maxLength": LONGEST_TEXT}
USER: Shape = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_USER,
    "pattern": r"^[^\u0000-\u001f]+$",
}
# A guard's id, which is its owner's.
OWNER: Shape = {"type": "string", "pattern": f"^[!-.0-~]{{1,{LONGEST_OWNER}}}$"}
# A pass's id, as ``secrets.token_urlsafe`` makes them.
PASS: Shape = {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,32}$"}
# Where a link leads to: a path, or a page of the site by its whole address.
LANDING: Shape = {
    "type": "string",
    "pattern": r"^(https?://[A-Za-z0-9.:\[\]_-]{1,255})?(/([!-.0-\[\]-~][!-\[\]-~]*)?)?$",
    "maxLength": 2048,
}
USERS: Shape = {"type": "array", "items": USER, "maxItems": MOST_USERS}

_TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 RFC 9110's kind of token
METHOD: Shape = {"type": "string", "pattern": f"^{_TOKEN}$"}
HEADER_LINE: Shape = {"type": "string", "pattern": rf"^{_TOKEN}:[^\r\n\u0000]*$"}
TARGET: Shape = {"type": "string", "pattern": r"^(/[!\"$-~]*|\*)$"}
AUTHORITY: Shape = {"type": "string", "pattern": r"^[A-Za-z0-9._~!$&'()*+;=%:\[\]-]*$"}
FIELD: Shape = {"type": "string", "pattern": r"^[ -~]*$", "maxLength": 1000}
_TAG = r'((W/)?"[!#-+.-~-]*"|[0-9]+)'
ENTITY_TAGS: Shape = {"type": "string", "pattern": rf"^(\*|{_TAG}( *, *{_TAG})*)$"}
_CLEAN = r"[^\u0000-\u001f\u007f]"
ADDRESS: Shape = {
    "type": "string",
    "pattern": rf"^(/{_CLEAN}*|\*|https?://[^/?#\\\u0000-\u001f\u007f]+(/{_CLEAN}*)?)$",
}
CLIENT: Shape = {
    "type": "string",
    "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}, {"maxLength": 0}],
}


def thing(properties: Mapping[str, object], *, required: Iterable[str] | None = None) -> Shape:
    """An object that is answered; all properties are always there, unless said otherwise."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": dict(properties), "required": names}


def asked(properties: Mapping[str, object], *, required: Iterable[str] = ()) -> Shape:
    """An object that is asked with: it has no key beside these."""
    shape: Shape = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }
    return {**shape, "required": list(required)} if required else shape


def several(items: Mapping[str, object]) -> Shape:
    return {"type": "array", "items": dict(items)}


def maybe(kind: str, **more: object) -> Shape:
    return {"type": [kind, "null"], **more}


def reference(name: str) -> Shape:
    return {"$ref": f"#/components/schemas/{name}"}


def nullable(shape: Mapping[str, object]) -> Shape:
    return {"anyOf": [shape, {"type": "null"}]}


def told(shape: Mapping[str, object], description: str) -> Shape:
    return {**shape, "description": description}


# Texts of a duration: seconds, or a number with its unit, all well under a year.
_ANY_TEXT = r"^([0-9]{1,7}(\.[0-9]{1,6})?(ms|s)?|[0-9]{1,5}m|[0-7]?[0-9]{1,3}h|[0-2]?[0-9]{1,2}d)$"
_WHOLE_TEXT = r"^([0-9]{1,7}s?|[0-9]{1,5}m|[0-7]?[0-9]{1,3}h|[0-2]?[0-9]{1,2}d)$"
_POSITIVE_TEXT = r"^[1-9]([0-9]{0,6}(ms|s)?|[0-9]{0,4}m|[0-9]{0,2}h|[0-9]?d)$"
_HOUR_TEXT = r"^([1-9][0-9]{0,2}s?|[1-9]m|[1-5][0-9]m|1h)$"


def _duration(pattern: str, *, kind: str = "number", **bounds: float) -> Shape:
    examples = [90, "90s", "5m", "1h"]
    number: Shape = {"type": kind, **bounds}
    text: Shape = {"type": "string", "pattern": pattern}
    return {"anyOf": [number, text], "examples": examples}


DURATION = _duration(_ANY_TEXT, minimum=0, maximum=LONGEST_TIME)
WHOLE_DURATION = _duration(_WHOLE_TEXT, kind="integer", minimum=0, maximum=LONGEST_TIME)
WHILE = _duration(_POSITIVE_TEXT, exclusiveMinimum=0, maximum=LONGEST_TIME)
PATIENCE = _duration(_HOUR_TEXT, exclusiveMinimum=0, maximum=3600)

TIME: Shape = {"type": "string", "format": "date-time", "examples": ["2030-01-31T03:00:00+01:00"]}
CRON: Shape = {"type": "string", "pattern": r"^[^ ]+( [^ ]+){4}$", "examples": ["0 3 * * sun"]}
ZONE: Shape = {"type": "string", "minLength": 1, "examples": ["Europe/Berlin"]}

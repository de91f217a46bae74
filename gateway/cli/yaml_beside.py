"""What the YAML says beside an override: both of them, key by key. Pure."""

from __future__ import annotations

import json

from gateway.cli.client import Document
from gateway.cli.failures import one_line
from gateway.cli.wording import state_of


def origin_of(flag: Document) -> str:
    """``yaml``, ``override``, or ``override (yaml: off)`` where the two differ."""
    origin = str(flag.get("from") or "")
    yaml = flag.get("yaml")
    if origin != "override" or not isinstance(yaml, dict):
        return origin
    said = state_of({**flag, **yaml})
    if said == state_of(flag):
        said = ", ".join(
            f"other {key}" if key.startswith(_LONG) else f"{key} {in_yaml}"
            for key, holds, in_yaml in overridden(flag)
            if holds != in_yaml
        )
    return f"{origin} (yaml: {said})" if said else origin


def overridden(flag: Document) -> list[tuple[str, str, str]]:
    """Each key that was flipped, what the override says of it, and what the YAML says."""
    override, yaml = flag.get("override"), flag.get("yaml")
    if not isinstance(override, dict) or not isinstance(yaml, dict):
        return []
    return [(key, _told(value), _told(_look(yaml, key))) for key, value in override.items()]


def _look(yaml: Document, key: str) -> object:
    # The override's keys are flat: page.message is {"page": {"message": ...}} in the YAML's.
    outer, _, inner = key.partition(".")
    value = yaml.get(outer)
    return value.get(inner) if inner and isinstance(value, dict) else value


def _told(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(one_line(str(each)) for each in value) or "nobody"
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "nothing"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return one_line(value if isinstance(value, str) else json.dumps(value))


_LONG = ("users", "page.message")  # too long for a cell of a table

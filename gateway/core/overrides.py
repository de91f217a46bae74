"""What a flip changed: a patch over the YAML's state of one flag, and when it lapses.

Law: the last action wins. An override carries a digest of the overridable keys as the
YAML had them when it was made. Once a person edits one of those keys the digest no longer
matches, and the override is no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field



@dataclass(frozen=True, slots=True)
class Lift:
    """When a flip made ``for`` a while undoes itself, and the values it then leaves.

    ``at`` is seconds since the epoch. ``values`` replaces the override's values whole.
    """

    at: float
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Override:
    """One flag's override. ``values`` holds only the keys that were flipped.

    Keys and JSON types: ``enabled`` bool, ``users`` list of str, ``rollout`` number 0-100,
    ``ttl`` seconds, ``mode`` str, ``page.message`` str, ``page.retry_after`` seconds.
    ``at`` is seconds since the epoch.
    """

    digest: str
    values: Mapping[str, object]
    at: float
    by: str
    reason: str = ""
    lift: Lift | None = None
    extra: Mapping[str, object] = field(default_factory=dict)

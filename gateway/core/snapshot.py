"""The flags as they hold at one revision, compiled once, read by every decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gateway.core.flags import Exemptions, Flag, FlagState
from gateway.core.overrides import Override, effective


@dataclass(frozen=True, slots=True)
class FlagView:
    """One flag as it holds now.

    ``since`` (seconds since the epoch), ``by`` and ``reason`` are those of the override;
    all three are ``None`` where the YAML's state holds.
    """

    flag: Flag
    state: FlagState
    origin: Literal["yaml", "override"]
    override: Override | None
    since: float | None = None
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable: a change is a new snapshot. ``views`` are in the order written."""

    revision: int
    views: tuple[FlagView, ...]
    asks: bool
    allow: Exemptions
    by_name: Mapping[str, FlagView]

    def view(self, name: str) -> FlagView | None:
        return self.by_name.get(name)


def compile_snapshot(
    flags: Sequence[Flag],
    overrides: Mapping[str, Override],
    *,
    revision: int,
    allow: Exemptions,
    now: float,
) -> Snapshot:
    """What the YAML and the overrides come to at ``now`` (seconds since the epoch)."""
    views = tuple(_view(flag, overrides.get(flag.name), now) for flag in flags)
    return Snapshot(
        revision=revision,
        views=views,
        asks=any(view.state.ttl == 0 for view in views),
        allow=allow,
        by_name={view.flag.name: view for view in views},
    )


def _view(flag: Flag, override: Override | None, now: float) -> FlagView:
    state, held = effective(flag.state, override, now)
    if held is None:
        return FlagView(flag, state, "yaml", None)
    return FlagView(flag, state, "override", held, held.at, held.by, held.reason)

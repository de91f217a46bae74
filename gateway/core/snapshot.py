"""The flags as they hold at one revision, compiled once, read by every decision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gateway.core.applying import Applying
from gateway.core.flags import Exemptions, Flag, FlagState, Mode, Trigger
from gateway.core.index import Index, compile_index
from gateway.core.overrides import Override, effective
from gateway.core.rules import Readers, Rule, compile_rule
from gateway.core.strictness import fenced_rule, stricter


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
    """Immutable: a change is a new snapshot. ``views`` are in the order written.

    ``asks``: some flag's TTL is 0. ``rules`` are the views compiled, one for each;
    ``holding`` finds those that may hold a request, or apply to one that goes on (``None``: none
    may), ``asking`` those whose state must be asked for.
    """

    revision: int
    views: tuple[FlagView, ...]
    asks: bool
    rules: tuple[Rule, ...] = field(compare=False, repr=False)
    holding: Index | Applying | None = field(compare=False, repr=False)
    asking: Index | None = field(compare=False, repr=False)
    by_name: Mapping[str, FlagView] = field(compare=False, repr=False)

    def view(self, name: str) -> FlagView | None:
        return self.by_name.get(name)

    def rule(self, name: str) -> Rule | None:
        """The flag's view, compiled."""
        for view, rule in zip(self.views, self.rules, strict=True):
            if view.flag.name == name:
                return rule
        return None


def compile_snapshot(
    flags: Sequence[Flag],
    overrides: Mapping[str, Override],
    *,
    revision: int,
    allow: Exemptions,
    now: float,
    others: Mapping[str, Override] | None = None,
) -> Snapshot:
    """What the YAML and the overrides come to at ``now`` (seconds since the epoch).

    ``others`` are the overrides of another history: then each flag is as the stricter has it.
    """
    views = tuple(_view(flag, overrides.get(flag.name), now) for flag in flags)
    if others is not None:
        twins = (_view(flag, others.get(flag.name), now) for flag in flags)
        views = tuple(_stricter(view, twin) for view, twin in zip(views, twins, strict=True))
    readers = Readers()
    rules = tuple(
        compile_rule(view.flag, view.state, order=order, allow=allow, readers=readers)
        for order, view in enumerate(views)
    )
    return _compiled(revision, views, rules)


def fence(snapshot: Snapshot, *, allow: Exemptions) -> Snapshot | None:
    """The same, but every strict flag holds its whole scope; ``None`` if none is strict.

    The views are those of ``snapshot``: what the flags are said to be has not changed.
    """
    if not any(view.flag.strict for view in snapshot.views):
        return None
    rules = tuple(
        fenced_rule(view.flag, view.state, order=rule.order, allow=allow)
        if view.flag.strict
        else rule
        for view, rule in zip(snapshot.views, snapshot.rules, strict=True)
    )
    return _compiled(snapshot.revision, snapshot.views, rules)


def _compiled(revision: int, views: tuple[FlagView, ...], rules: tuple[Rule, ...]) -> Snapshot:
    asking = [rule for rule, view in zip(rules, views, strict=True) if view.state.ttl == 0]
    on = [rule for rule in rules if rule.may_hold]
    holding = compile_index([rule for rule in on if not rule.mode.lets_go_on], by_user=True)
    applying = compile_index([rule for rule in on if rule.mode.lets_go_on], by_user=True)
    return Snapshot(
        revision=revision,
        views=views,
        asks=bool(asking),
        rules=rules,
        holding=holding if applying is None else Applying(holding, applying),
        asking=compile_index(asking, by_user=False),
        by_name={view.flag.name: view for view in views},
    )


def _stricter(view: FlagView, twin: FlagView) -> FlagView:
    state = stricter(view.flag, view.state, twin.state)
    shown = view if state == view.state or view.state.enabled else twin
    return replace(shown, state=state)


def _view(flag: Flag, override: Override | None, now: float) -> FlagView:
    state, held = effective(flag.state, override, now)
    if flag.trigger is not None:
        state = _triggered(state, flag.trigger, frozenset(held.values if held else ()))
    if state.mode is Mode.ANONYMOUS and not flag.strip:
        # Flipped to it, and then the YAML lost what is to be taken out: refuse the most.
        state = replace(state, mode=Mode.UNAVAILABLE)
    if held is None:
        return FlagView(flag, state, "yaml", None)
    return FlagView(flag, state, "override", held, held.at, held.by, held.reason)


def _triggered(state: FlagState, trigger: Trigger, flipped: frozenset[str]) -> FlagState:
    """Whether the flag is on is the file's to say; its words yield to what was ``flipped``."""
    message, retry_after = trigger.message, trigger.retry_after
    if message is None or "page.message" in flipped:
        message = state.message
    if retry_after is None or "page.retry_after" in flipped:
        retry_after = state.retry_after
    return replace(state, enabled=trigger.on, message=message, retry_after=retry_after)

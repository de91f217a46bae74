"""The flags as they hold at one revision, compiled once, read by every decision."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from gateway.core.applying import Applying
from gateway.core.flags import Exemptions, Flag, FlagState, Mode, Trigger
from gateway.core.gated import Bypassing, GatedRule, gated
from gateway.core.index import Index, compile_index
from gateway.core.overrides import Override, Standing, standing
from gateway.core.passes import Gate
from gateway.core.rules import Readers, Rule, compile_rule
from gateway.core.strictness import fenced_rule, stricter
from gateway.core.windows import Occurrence, Phase


@dataclass(frozen=True, slots=True)
class FlagView:
    """One flag as it holds now.

    ``since`` (seconds since the epoch), ``by`` and ``reason`` are those of the override;
    all three are ``None`` where the YAML's state holds. ``phase`` is that of its window, ``None``
    without one; ``by_window``: the window alone has it on. ``ends`` is when flips that undo
    themselves let go of all that it holds now, ``None`` where that is not known.
    """

    flag: Flag
    state: FlagState
    origin: Literal["yaml", "override"]
    override: Override | None
    since: float | None = None
    by: str | None = None
    reason: str | None = None
    phase: Phase | None = None
    by_window: bool = False
    ends: float | None = None

    @property
    def is_on(self) -> bool:
        """Whether it holds anybody, or applies: a per-user flag is armed, yet may list nobody."""
        return _is_on(self.flag, self.state)

    @property
    def until(self) -> float | None:
        """When the hold ends by itself (seconds since the epoch): with its window, or a flip."""
        current = self.phase.current if self.phase is not None and self.by_window else None
        return self.ends if current is None else current.end

    @property
    def on_by_clock_alone(self) -> bool:
        """Whether only this member's clock says so yet: no drain may rely on it."""
        return self.by_window and self.phase is not None and not self.phase.agreed

    @property
    def announced(self) -> Occurrence | None:
        """The occurrence of its window that visitors are to be told of by now."""
        if self.state.enabled or self.phase is None or not self.phase.announced:
            return None
        return self.phase.coming

    @property
    def notices(self) -> bool:
        """Whether it puts a notice on what it applies to."""
        return self.state.mode is Mode.NOTICE or self.announced is not None

    @property
    def changes_at(self) -> float:
        """When time alone changes it next, in seconds since the epoch."""
        lift = self.override.lift if self.override is not None else None
        ends = math.inf if lift is None else lift.at
        return ends if self.phase is None else min(ends, self.phase.changes_at)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Immutable: a change is a new snapshot. ``views`` are in the order written.

    ``asks``: some flag's TTL is 0. ``changes_at`` is when time alone changes a view next;
    ``unsettled``: a window has begun or ended by this member's clock, and the store does not have
    it. ``rules`` are the views compiled, one for each;
    ``holding`` finds those that may hold a request, or apply to one that goes on (``None``: none
    may), ``asking`` those whose state must be asked for.
    """

    revision: int
    views: tuple[FlagView, ...]
    asks: bool
    changes_at: float
    unsettled: bool
    rules: tuple[Rule, ...] = field(compare=False, repr=False)
    holding: Index | Applying | Bypassing | None = field(compare=False, repr=False)
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

    def agreed_rule(self, name: str) -> Rule | None:
        """The same, unless this member's clock alone says yet that the flag is on."""
        view = self.view(name)
        return None if view is None or view.on_by_clock_alone else self.rule(name)


def ungated(_flag: Flag) -> None:
    """There are no bypass links: what makes the gates of flags where nobody signs."""


def compile_snapshot(
    flags: Sequence[Flag],
    overrides: Mapping[str, Override],
    *,
    revision: int,
    allow: Exemptions,
    now: float,
    others: Mapping[str, Override] | None = None,
    gates: Callable[[Flag], Gate | None] = ungated,
) -> Snapshot:
    """What the YAML and the overrides come to at ``now`` (seconds since the epoch).

    ``others`` are the overrides of another history: then each flag is as the stricter has it.
    ``gates`` makes those of the flags that there are bypass links for.
    """
    views = tuple(_view(flag, overrides.get(flag.name), now) for flag in flags)
    if others is not None:
        twins = (_view(flag, others.get(flag.name), now) for flag in flags)
        views = tuple(_stricter(view, twin) for view, twin in zip(views, twins, strict=True))
    readers = Readers()
    rules = tuple(
        gated(
            compile_rule(view.flag, view.state, order=order, allow=allow, readers=readers),
            gates(view.flag),
        )
        for order, view in enumerate(views)
    )
    links = any(isinstance(rule, GatedRule) for rule in rules)
    announcing = _announcing(views, allow, readers)
    return _compiled(revision, views, rules, announcing, links=links)


def fence(snapshot: Snapshot, *, allow: Exemptions) -> Snapshot | None:
    """The same, but every strict flag holds its whole scope; ``None`` if none is strict.

    The views are those of ``snapshot``: what the flags are said to be has not changed. No pass gets
    past a strict flag then, since another member may have revoked it.
    """
    if not any(view.flag.strict for view in snapshot.views):
        return None
    rules = tuple(
        fenced_rule(view.flag, view.state, order=rule.order, allow=allow)
        if view.flag.strict
        else rule
        for view, rule in zip(snapshot.views, snapshot.rules, strict=True)
    )
    announcing = _announcing(snapshot.views, allow, Readers())
    links = isinstance(snapshot.holding, Bypassing)
    return _compiled(snapshot.revision, snapshot.views, rules, announcing, links=links)


def _announcing(
    views: tuple[FlagView, ...], allow: Exemptions, readers: Readers
) -> tuple[Rule, ...]:
    # A flag that is off, and yet applies: it is not held, so that no drain takes it for on.
    announced = [(order, view) for order, view in enumerate(views) if view.announced is not None]
    return tuple(
        compile_rule(
            view.flag,
            replace(view.state, enabled=True, mode=Mode.NOTICE),
            order=order,
            allow=allow,
            readers=readers,
        )
        for order, view in announced
    )


def _compiled(
    revision: int,
    views: tuple[FlagView, ...],
    rules: tuple[Rule, ...],
    announcing: Iterable[Rule],
    *,
    links: bool,
) -> Snapshot:
    asking = [rule for rule, view in zip(rules, views, strict=True) if view.state.ttl == 0]
    on = [rule for rule in rules if rule.may_hold]
    return Snapshot(
        revision=revision,
        views=views,
        asks=bool(asking),
        changes_at=min((view.changes_at for view in views), default=math.inf),
        unsettled=any(view.phase is not None and view.phase.unsettled for view in views),
        rules=rules,
        holding=_holding(on, announcing, links=links),
        asking=compile_index(asking, by_user=False),
        by_name={view.flag.name: view for view in views},
    )


def _holding(
    on: Sequence[Rule], announcing: Iterable[Rule], *, links: bool
) -> Index | Applying | Bypassing | None:
    holding = compile_index([rule for rule in on if not rule.mode.lets_go_on], by_user=True)
    going_on = [rule for rule in (*on, *announcing) if rule.mode.lets_go_on and rule.may_hold]
    going_on.sort(key=lambda rule: rule.order)
    applying = compile_index(going_on, by_user=True)
    found = holding if applying is None else Applying(holding, applying)
    if not links:
        return found
    open_to_some = [rule for rule in on if isinstance(rule, GatedRule)]
    return Bypassing(found, compile_index(open_to_some, by_user=False))


def _stricter(view: FlagView, twin: FlagView) -> FlagView:
    state = stricter(view.flag, view.state, twin.state)
    shown = view if state == view.state or view.state.enabled else twin
    return replace(shown, state=state, ends=view.ends if view.ends == twin.ends else None)


def _view(flag: Flag, override: Override | None, now: float) -> FlagView:
    found = standing(flag.state, override, now)
    state, held, phase = _state(flag, found), found.override, found.phase
    by_window = _by_window(flag, found)
    ends = None if by_window else _ends(flag, found)
    view = FlagView(flag, state, "yaml", None, phase=phase, by_window=by_window, ends=ends)
    if held is None:
        return view
    return replace(
        view, origin="override", override=held, since=held.at, by=held.by, reason=held.reason
    )


def _state(flag: Flag, found: Standing) -> FlagState:
    state, held, phase = found.state, found.override, found.phase
    if flag.trigger is not None:
        state = _triggered(state, flag.trigger, frozenset(held.values if held else ()))
    if state.mode is Mode.ANONYMOUS and not flag.strip:
        # Flipped to it, and then the YAML lost what is to be taken out: refuse the most.
        state = replace(state, mode=Mode.UNAVAILABLE)
    if phase is not None and phase.drawn:
        state = replace(state, ttl=0.0)
    return state


def _by_window(flag: Flag, found: Standing) -> bool:
    within = found.phase is not None and found.phase.current is not None and flag.trigger is None
    return within and found.state.enabled and not found.explicit


def _ends(flag: Flag, found: Standing) -> float | None:
    # One page is for all whom a per-user flag holds: where they go one by one, it names no time.
    override = found.override
    if override is None or not override.lifts:
        return None
    now = _state(flag, found)
    for lift in override.lifts if _is_on(flag, now) else ():
        later = standing(flag.state, override, lift.at)
        state = _state(flag, later)
        if not _is_on(flag, state) or state.mode.lets_go_on:
            return lift.at
        if flag.identity is not None and (state.users, state.rollout) != (now.users, now.rollout):
            return None
        if _by_window(flag, later) and later.phase is not None and later.phase.current is not None:
            return later.phase.current.end
    return None


def _is_on(flag: Flag, state: FlagState) -> bool:
    if not state.enabled or flag.identity is None:
        return state.enabled
    return bool(state.users or state.rollout or flag.identity.hold_missing)


def _triggered(state: FlagState, trigger: Trigger, flipped: frozenset[str]) -> FlagState:
    """Whether the flag is on is the file's to say; its words yield to what was ``flipped``."""
    message, retry_after = trigger.message, trigger.retry_after
    if message is None or "page.message" in flipped:
        message = state.message
    if retry_after is None or "page.retry_after" in flipped:
        retry_after = state.retry_after
    return replace(state, enabled=trigger.on, message=message, retry_after=retry_after)

"""The stricter of two states, and the strictest: for when it is not known what holds."""

from __future__ import annotations

from dataclasses import replace

from gateway.core.flags import Exemptions, Flag, FlagState, Kind, Mode
from gateway.core.outcomes import Reason
from gateway.core.rules import Readers, Rule, compile_held, compile_rule


def stricter(flag: Flag, one: FlagState, other: FlagState) -> FlagState:
    """A state that holds whatever either of the two would hold.

    What does not say who is held (the message, the time to retry) is that of the first.
    """
    if not (one.enabled and other.enabled):
        held = other if other.enabled and not one.enabled else one
        return replace(held, ttl=min(one.ttl, other.ttl))
    modes = {one.mode, other.mode}
    merged = replace(
        one,
        mode=one.mode if len(modes) == 1 else Mode.UNAVAILABLE,
        ttl=min(one.ttl, other.ttl),
    )
    if flag.kind is not Kind.USER:
        return merged
    users = tuple(dict.fromkeys((*one.users, *other.users)))
    return replace(merged, users=users, rollout=max(one.rollout, other.rollout))


def fenced_rule(flag: Flag, state: FlagState, *, order: int, allow: Exemptions) -> Rule:
    """The rule of a strict flag where another member may have turned it on unseen.

    It holds the flag's whole scope, whoever asks and whatever the mode; where that is ``hold``,
    requests wait, since a lease may well come back. Exempt paths and addresses stay exempt: only
    the YAML says them.
    """
    everybody = replace(flag, identity=None, trigger=None)
    mode = Mode.HOLD if state.mode is Mode.HOLD else Mode.UNAVAILABLE
    on = replace(state, enabled=True, mode=mode)
    rule = compile_rule(everybody, on, order=order, allow=allow, readers=Readers())
    return replace(rule, if_held=compile_held(flag, on, Reason.LEASE_OUT))

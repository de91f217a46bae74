"""A flag that whoever bears a pass gets past, and what is told of requests that did.

Theory of operation: a rule of a flag with a key is a ``GatedRule``, and while there is one a
``Bypassing`` stands where else what holds requests stands. Flags without a key pay for neither.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, assert_never

from gateway.core.applying import Applying
from gateway.core.evidence import Evidence
from gateway.core.index import NO_FLAG_HOLDS, Index
from gateway.core.outcomes import Decision, Forward, Reason
from gateway.core.passes import OWN_PATHS, Gate, Shown, bears_pass
from gateway.core.rules import Rule

_BYPASSED = Forward(Reason.BYPASSED)
_OWN_PATH = Forward(Reason.OWN_PATH)


@dataclass(frozen=True, slots=True, eq=False)
class GatedRule(Rule):
    """A pass is looked for last, where the flag would hold the request."""

    gate: Gate

    def judge(self, evidence: Evidence) -> Decision:
        decision = Rule.judge(self, evidence)
        if isinstance(decision, Forward):
            return decision
        match self.gate.shown(evidence.request.fields):
            case Shown.VALID:
                return _BYPASSED
            case Shown.VOID:
                return replace(decision, reason=Reason.BYPASS_VOID)
            case Shown.NOTHING:
                return decision
            case never:
                assert_never(never)

    def concerns(self, evidence: Evidence, user: str | None) -> bool:
        """A drain waits for no request that goes on while the command runs."""
        if not Rule.concerns(self, evidence, user):
            return False
        return self.gate.shown(evidence.request.fields) is not Shown.VALID

    @property
    def holds_everything(self) -> bool:
        return False


def gated(rule: Rule, gate: Gate | None) -> Rule:
    """The same rule, with a gate if there is one."""
    if gate is None:
        return rule
    kept: dict[str, Any] = {each.name: getattr(rule, each.name) for each in fields(rule)}
    return GatedRule(**kept, gate=gate)


@dataclass(frozen=True, slots=True, eq=False)
class Bypassing:
    """``holding`` decides; ``index`` finds the flags that hold a request but for a pass.

    Where passes are given is the gateway's own, whatever holds and whether anything does: a link
    that is followed must not reach the app.
    """

    holding: Index | Applying | None
    index: Index | None

    @property
    def whole(self) -> None:
        """Nothing holds the paths where passes are given."""

    def decide(self, evidence: Evidence) -> Decision:
        if evidence.origin.startswith(OWN_PATHS):
            return _OWN_PATH
        decision = self._decided(evidence)
        if self.index is None or not bears_pass(evidence.request):
            return decision
        if not isinstance(decision, Forward) or decision.reason is Reason.OWN_PATH:
            return decision
        rules = sorted(self.index.in_reach(evidence), key=lambda rule: rule.order)
        names = tuple(each.if_held.flag for each in rules if each.judge(evidence) is _BYPASSED)
        return replace(decision, bypassed=names) if names else decision

    def _decided(self, evidence: Evidence) -> Decision:
        if self.holding is None:
            return NO_FLAG_HOLDS
        return self.holding.whole or self.holding.decide(evidence)

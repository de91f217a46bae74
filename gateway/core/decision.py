"""Deciding: a pure function of a request, a snapshot and the time."""

from __future__ import annotations

from dataclasses import dataclass

from gateway.core.details import describe, describe_applying
from gateway.core.evidence import Evidence
from gateway.core.index import NO_FLAG_HOLDS
from gateway.core.outcomes import Decision, Forward, HeldBack, Hold, Reason, Refuse
from gateway.core.request import RequestFacts
from gateway.core.rules import Rule
from gateway.core.snapshot import FlagView, Snapshot
from gateway.core.windows import Window

__all__ = [
    "NO_FLAG_HOLDS",
    "Decision",
    "Forward",
    "HeldBack",
    "Hold",
    "Reason",
    "Refuse",
    "Verdict",
    "decide",
    "explain",
    "must_ask",
]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one flag says of a request: ``detail`` is a sentence for people."""

    flag: str
    holds: bool
    reason: Reason
    detail: str


def decide(request: RequestFacts, snapshot: Snapshot, now: float) -> Decision:  # noqa: ARG001 what time changes is in the snapshot
    """Forward the request; or refuse it, or let it wait, for the first flag that holds it."""
    holding = snapshot.holding
    if holding is None:
        return NO_FLAG_HOLDS
    return holding.whole or holding.decide(Evidence(request))


def must_ask(request: RequestFacts, snapshot: Snapshot) -> bool:
    """Whether the store must be read before the decision.

    That is so in the scope (hosts, paths, methods; generous) of a flag whose TTL is 0, on
    or off, whoever the request is from: who is held may be what has changed.
    """
    asking = snapshot.asking
    return asking is not None and asking.any_in_place(Evidence(request))


def explain(request: RequestFacts, snapshot: Snapshot, now: float) -> list[Verdict]:  # noqa: ARG001 as decide
    """Every flag in order with what it says; the first that holds decides."""
    evidence = Evidence(request)
    return [
        _verdict(view, rule, evidence)
        for view, rule in zip(snapshot.views, snapshot.rules, strict=True)
    ]


def _verdict(view: FlagView, rule: Rule, evidence: Evidence) -> Verdict:
    decision = rule.judge(evidence)
    on_for_it = not isinstance(decision, Forward)
    detail = describe(decision.reason, view, rule, evidence) + _of_time(view)
    if on_for_it and rule.mode.lets_go_on:
        detail = f"{detail} {describe_applying(view)}"
        return Verdict(view.flag.name, holds=False, reason=Reason(rule.mode), detail=detail)
    return Verdict(view.flag.name, on_for_it, decision.reason, detail)


def _of_time(view: FlagView) -> str:
    window, phase = view.state.window, view.phase
    if view.until is not None:
        what = "Its window ends" if view.by_window else "It is lifted"
        return f" {what} at {(window or Window()).clock(view.until)}."
    if window is None or phase is None:
        return ""
    if view.state.enabled or phase.coming is None:
        return ""
    announced = " and is announced to whom it will hold" if view.announced is not None else ""
    return f" Its window begins at {window.clock(phase.coming.start)}{announced}."

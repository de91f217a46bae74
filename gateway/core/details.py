"""Verdicts in words: why a flag holds a request or lets it through, for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import assert_never

from gateway.core.evidence import Evidence
from gateway.core.flags import Mode
from gateway.core.outcomes import Reason
from gateway.core.rules import Rule
from gateway.core.snapshot import FlagView

_MANY = 5
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ud800-\udfff]")


def describe(reason: Reason, view: FlagView, rule: Rule, evidence: Evidence) -> str:  # noqa: C901, PLR0911, PLR0912 one sentence for each reason
    """One sentence about the ``reason`` that ``rule`` gave."""
    goes_on = rule.mode.lets_go_on
    match reason:
        case Reason.NO_FLAG_HOLDS:
            return "No flag holds the request."
        case Reason.DISABLED:
            return "The flag is off."
        case Reason.OTHER_HOST:
            return f"Host {_list(evidence.hosts)} is none of {_list(rule.place.hosts)}."
        case Reason.OTHER_PATH:
            return f"{_path(evidence)} is not in {_list(rule.place.paths)}, however it is read."
        case Reason.OTHER_METHOD:
            return (
                f"Method {_methods(evidence)} is none of {_list(sorted(view.flag.scope.methods))}."
            )
        case Reason.SAFE_METHOD:
            return f"The flag is read-only, and {_methods(evidence)} only reads."
        case Reason.EXEMPT_PATH:
            return f"{_path(evidence)} is exempt: it is in {_list(rule.exempt_paths)}."
        case Reason.EXEMPT_ADDRESS:
            return f"Address {_shown(evidence.request.client)} is in a network that is exempt."
        case Reason.EXEMPT_USER:
            return f"User {_users(rule, evidence)} is exempt."
        case Reason.BYPASSED:
            return "The request bears a valid pass of this flag's bypass link."
        case Reason.BYPASS_VOID:
            return (
                "The request bears a pass of a bypass link, but not a valid one: it has expired, "
                "was revoked, or is not signed with this flag's key."
            )
        case Reason.NO_IDENTITY:
            return f"The request has no user in {_sources(view)}."
        case Reason.USER_NOT_LISTED:
            return f"User {_users(rule, evidence)} is not listed{_rollout(view, 'nor')}."
        case Reason.SITE:
            return "The flag is for the whole site." if goes_on else "The whole site is held."
        case Reason.FEATURE:
            return f"The request is in the flag's scope: {_scope(rule, evidence)}."
        case Reason.USER_LISTED:
            return f"User {_users(rule, evidence)} is listed."
        case Reason.USER_IN_ROLLOUT:
            return f"User {_users(rule, evidence)} is in the rollout of {view.state.rollout:g} %."
        case Reason.IDENTITY_MISSING:
            such = "the flag is for such" if goes_on else "such are held"
            return f"The request has no user in {_sources(view)}, and {such}."
        case Reason.LEASE_OUT:
            return (
                "This member's lease has run out, so it does not know whether the flag is on; "
                "the flag is strict, so its whole scope is held."
            )
        case Reason.NOTICE | Reason.ANONYMOUS | Reason.OWN_PATH:
            raise ValueError(f"no rule says {reason}")
    assert_never(reason)


def describe_applying(view: FlagView) -> str:
    """One sentence about what the flag does to a request that goes on."""
    if view.state.mode is Mode.NOTICE:
        return "It is forwarded with a notice."
    strip = view.flag.strip
    names = [f"cookie {name}" for name in strip.cookies]
    names += [f"header {name}" for name in strip.headers]
    return f"It is forwarded without {_list(names)}."


def _path(evidence: Evidence) -> str:
    return _shown(evidence.readings.exact[0])


def _shown(text: str) -> str:
    """What a client sent, made fit for a terminal and a log."""
    return _UNPRINTABLE.sub(lambda one: one[0].encode("unicode_escape").decode(), text[:200])


def _methods(evidence: Evidence) -> str:
    return _list(method.decode("latin-1") for method in sorted(evidence.methods))


def _users(rule: Rule, evidence: Evidence) -> str:
    return _list(sorted(evidence.users(rule.who.readers))) if rule.who else ""


def _sources(view: FlagView) -> str:
    sources = view.flag.identity.sources if view.flag.identity else ()
    return _list(f"{source.place} {source.name}" for source in sources)


def _rollout(view: FlagView, word: str) -> str:
    rollout = view.state.rollout
    return f", {word} in the rollout of {rollout:g} %" if rollout else ""


def _scope(rule: Rule, evidence: Evidence) -> str:
    parts = []
    if rule.place.paths:
        parts.append(f"path {_reading(rule, evidence)}")
    if rule.place.hosts:
        parts.append(f"host {_list(evidence.hosts) or 'unknown'}")
    if rule.place.methods:
        parts.append(f"method {_methods(evidence)}")
    return ", ".join(parts)


def _reading(rule: Rule, evidence: Evidence) -> str:
    """The first reading in scope, and the pattern it is in."""
    readings = evidence.readings
    for pattern in rule.place.paths:
        for reading in readings.folded if pattern.folds else readings.exact:
            if pattern.holds(reading):
                return f"{_shown(reading)} is in {pattern}"
    return f"{_path(evidence)} can be read in too many ways"


def _list(items: Iterable[object]) -> str:
    texts = [_shown(str(item)) for item in items]
    more = f" and {len(texts) - _MANY} more" if len(texts) > _MANY else ""
    return ", ".join(texts[:_MANY]) + more

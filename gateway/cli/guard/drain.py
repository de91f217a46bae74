"""Waiting for the members: until each has a revision, and until what they had under way is over."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.client import TIMEOUT, Client, Document
from gateway.cli.failures import Refused, Unreachable
from gateway.cli.guard.failures import GuardFailed, Interrupted, Status
from gateway.cli.guard.signals import Interrupts

FIRST_LOOK, LAST_LOOK = 0.01, 0.25  # seconds between looks at the members
BLIP = 5.0  # seconds for which a gateway that is not reached may be restarting


@dataclass(frozen=True, slots=True)
class DrainTerms:
    """How long a drain may take, and what the operator takes upon themselves."""

    timeout: float
    assume_gone: tuple[str, ...] = ()
    accept_orphans: bool = False
    accept_unseen: bool = False

    def document(self, user: str | None, timeout: float) -> dict[str, object]:
        return {
            **({"user": user} if user is not None else {}),
            "timeout": timeout,
            "assume_gone": list(self.assume_gone),
            "accept_orphans": self.accept_orphans,
            "accept_unseen": self.accept_unseen,
        }


class Drainer:
    """Asks for drains over a connection of its own; ended at once by an interrupt."""

    def __init__(self, client: Client, terms: DrainTerms, interrupts: Interrupts) -> None:
        self._client = client.keeping()
        self._terms = terms
        self._interrupts = interrupts

    def close(self) -> None:
        self._client.close()

    def wait_armed(self, revision: int, *, strict: bool) -> int:
        """Until every member serves ``revision``; how many there are.

        A crashed member does not count, nor one that is assumed to be gone, nor a silent one
        where the flag is strict: it holds the scope back by itself.
        """
        deadline, pause = time.monotonic() + self._terms.timeout, FIRST_LOOK
        while True:
            members = self._client.get("status").document.get("members") or []
            late = [each for each in members if self._is_late(each, revision, strict=strict)]
            if not late:
                return len(members)
            if time.monotonic() >= deadline:
                raise GuardFailed(Status.NOT_ARMED, _not_armed(late, revision))
            if self._interrupts.wait(pause):
                raise Interrupted(self._interrupts.number or signal.SIGINT)
            pause = min(pause * 2, LAST_LOOK)

    def drain(self, flag: str, user: str | None, revision: int) -> Document:
        """The result of a drain that is over. Raises ``GuardFailed`` where it is not."""
        deadline = time.monotonic() + self._terms.timeout
        until_reached = min(deadline, time.monotonic() + BLIP)
        with self._interrupts.breaking(self._client.hang_up):
            while True:
                try:
                    result = self._ask(flag, user, deadline - time.monotonic())
                except Unreachable as failure:
                    self._check_interrupted()
                    if time.monotonic() >= until_reached:
                        raise
                    if isinstance(failure, _Ending):
                        until_reached = min(deadline, time.monotonic() + BLIP)
                    self._interrupts.wait(LAST_LOOK)
                else:
                    self._check_interrupted()
                    return self._checked(result, revision)

    def _ask(self, flag: str, user: str | None, left: float) -> Document:
        left = max(0.001, left)
        document = self._terms.document(user, round(left, 3))
        try:
            return self._client.call(
                "POST", "flags", flag, "drain", document=document, timeout=left + TIMEOUT
            ).document
        except Refused as refused:
            if refused.status == 504:
                raise GuardFailed(Status.NOT_DRAINED, _why(refused)) from refused
            if refused.status == 503:
                raise _Ending(refused.message) from refused
            raise

    def _checked(self, result: Document, revision: int) -> Document:
        if result.get("drained") is not True:
            raise GuardFailed(Status.NOT_DRAINED, f"not drained: {result.get('reason')}")
        if int(result.get("revision") or 0) < revision:
            said = f"drained at revision {result.get('revision')}, which is before {revision}"
            raise GuardFailed(Status.NOT_DRAINED, said)
        if result.get("abandoned") and not self._terms.accept_orphans:
            raise GuardFailed(
                Status.NOT_DRAINED,
                f"{result['abandoned']} exchanges were given up before their end, and the app "
                "may still be at work on them: wait, or take that on with --accept-orphans",
            )
        return result

    def _check_interrupted(self) -> None:
        if self._interrupts.number is not None:
            raise Interrupted(self._interrupts.number)

    def _is_late(self, member: Mapping[str, Any], revision: int, *, strict: bool) -> bool:
        state = member.get("state")
        if state == "crashed" or member.get("member") in self._terms.assume_gone:
            return False
        if state == "silent":
            return not strict
        return int(member.get("revision") or 0) < revision


class _Ending(Unreachable):
    """The worker that was asked is ending, or has lost its store: ask again."""


def _why(refused: Refused) -> str:
    try:
        result = json.loads(refused.body)
    except ValueError:
        result = {}
    said = result.get("reason") or result.get("detail") or refused.message
    return f"not drained: {said}"


def _not_armed(late: Sequence[Mapping[str, Any]], revision: int) -> str:
    names = ", ".join(
        f"{each.get('member')} ({each.get('state')})" if each.get("state") == "silent"
        else f"{each.get('member')} (at {each.get('revision')})"
        for each in late
    )  # fmt: skip
    return f"not armed: revision {revision} is not with every member yet: {names}"

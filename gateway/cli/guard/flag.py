"""The flag as a guard flips it: armed, turned on, turned off again if nobody else changed it.

All flips of one guard go through one connection, one after another: so each finds the revision
that the one before it made, on whichever worker, and a compare-and-set seldom has to repeat.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.client import Answer, Client, Document
from gateway.cli.failures import Failure, Refused, Unreachable
from gateway.cli.guard.failures import GuardFailed, Status
from gateway.cli.guard.record import GuardRecord
from gateway.cli.on import require_no_others, require_user_flag
from gateway.cli.wording import clock_time, users_of

ATTEMPTS = 20  # of a read and a compare-and-set, when others flip at the same time
TRIES_FOR = 30.0  # seconds, to lift a flag through a gateway that is restarting
RETRY = 0.5  # seconds between those

Wait = Callable[[float], bool]  # seconds; whether to give up


@dataclass(frozen=True, slots=True)
class Before:
    """What the override said before the guard: None for a key that it did not have."""

    ttl: object = None
    enabled: object = None
    was_on: bool = True  # the switch, wherever it stood; a window's turn is its own
    armed: bool = False  # whether there is anything to put back


class GuardedFlag:
    """One flag between the first flip of a guard and its last."""

    def __init__(
        self, client: Client, record: GuardRecord, name: str, reason: str, *, wait: Wait
    ) -> None:
        self.name = name
        self._client = client
        self._record = record
        self._reason = reason
        self._wait = wait
        self._lock = threading.Lock()
        self._last: Mapping[str, Any] = {}
        self._mark: object = None  # the flag as our own last flip left it
        self._before = Before()
        self._was_on: set[str | None] = set()

    @property
    def revision(self) -> int:
        return int(self._last.get("revision") or 0)

    @property
    def strict(self) -> bool:
        return bool(self._last.get("strict"))

    def look(self, users: Sequence[str] | None) -> None:
        """Read it, and see that it can hold what it shall. Raises ``Refused``."""
        self._see(self._client.get("flags", self.name))
        if self._last.get("mode") == "notice":
            raise GuardFailed(
                Status.REFUSED,
                f"{self.name} is in mode notice and holds nobody back: "
                f"gateway set {self.name} mode=unavailable",
            )
        if users is not None:
            require_user_flag(self._last)
            require_no_others(self._last, users)
        elif self._last.get("kind") == "user":
            raise GuardFailed(
                Status.REFUSED,
                f"{self.name} is a per-user flag: name whom to hold with --user or --users",
            )

    def inherit(self, record: Document) -> None:
        """Puts back at the end what an abandoned guard, taken over, has left to be put back."""
        self._before = _read_before(record) or self._before

    def arm(self, users: Sequence[str] | None) -> int:
        """TTL 0, and the switch of a per-user flag on; the revision that has it."""
        with self._lock:
            if not self._before.armed:
                self._before = self._inherited() or self._found()
            self._record.tell(before=_as_document(self._before), state="arming")
            change: dict[str, object] = {"ttl": 0}
            if users is not None:
                change["enabled"] = True
            self._set(
                change, lambda: None if users is None else require_no_others(self._last, users)
            )
            return self.revision

    def hold(self, user: str | None) -> int:
        """Turn it on, for the user if one is named; the revision that holds."""
        with self._lock:
            if self._holds(user):
                self._was_on.add(user)
            if user is None:
                self._set({"enabled": True})
            else:
                query = [("reason", self._reason)]
                self._see(self._client.call("PUT", "flags", self.name, "users", user, query=query))
            if not self._holds(user):
                raise GuardFailed(Status.REFUSED, f"{self.name} was turned on, yet does not hold")
            return self.revision

    def put_back(self, user: str | None) -> None:
        """As it was before ``hold``, the command having never run."""
        if user not in self._was_on:
            self.lift(user, checked=False)

    def lift(self, user: str | None, *, checked: bool = True) -> None:
        """Turn it off. Raises ``GuardFailed`` where somebody else changed it: it stays as it is.

        Tried for a while where the gateway is not reached.
        """
        unsure, deadline = not checked, time.monotonic() + TRIES_FOR
        while (failure := self._try_to_lift(user, unsure=unsure)) is not None:
            unsure = True
            if time.monotonic() >= deadline or self._wait(RETRY):
                said = f"the gateway could not turn {self.name} off: {failure.message}"
                raise GuardFailed(Status.NOT_LIFTED, said) from failure

    def disarm(self, *, left_on: str = "") -> None:
        """TTL back, unless another guard of the flag still wants it at 0.

        ``left_on`` is why the flag stays on; it is added to the reason that status shows.
        """
        with self._lock:
            if not self._before.armed or self._record.lost is not None or self._still_wanted():
                return
            self._see(self._client.get("flags", self.name))
            if self._last.get("ttl") != 0:
                return  # somebody else has set it
            change = {"ttl": self._before.ttl}
            done = self._last.get("window") and not left_on
            if not self._before.was_on and (done or self._is_armed_for_nobody()):
                change["enabled"] = self._before.enabled
            self._set(change, reason=f"{self._reason}; {left_on}" if left_on else self._reason)

    def _try_to_lift(self, user: str | None, *, unsure: bool) -> Failure | None:
        # What is worth another try is returned, the rest raised.
        try:
            with self._lock:
                self._lift(user, unsure=unsure)
        except Unreachable as failure:
            return failure
        except Refused as refused:
            if refused.status < 500:
                raise
            return refused
        return None

    # With the lock held

    def _lift(self, user: str | None, *, unsure: bool) -> None:
        for _ in range(ATTEMPTS):
            if unsure and not self._holds(user):
                self._see(self._client.get("flags", self.name))
                if not self._holds(user):
                    return  # an earlier try has done it
            self._check_unchanged(user, unsure=unsure)
            if self._was_in_time(lambda: self._turn_off(user)):
                return
        raise GuardFailed(Status.NOT_LIFTED, f"{self.name} is being changed by others all the time")

    def _turn_off(self, user: str | None) -> None:
        revision = self.revision
        if user is None:
            # None where the YAML says so too: then no override stays behind. Nor is anything
            # said that would end a window: it goes on holding for as long as it lasts.
            yaml = self._last.get("yaml") or {}
            kept = self._before.enabled is False and not self._last.get("window")
            by_yaml = not kept and yaml.get("enabled") is False
            off = None if by_yaml else False
            change: dict[str, object] = {"enabled": off}
            if self._last.get("ttl") == 0 and self._before.armed:
                change["ttl"] = self._before.ttl
            self._flip(change, self._reason, revision)
            return
        self._see(
            self._client.call(
                "DELETE", "flags", self.name, "users", user,
                query=[("reason", self._reason)], if_match=revision,
            )
        )  # fmt: skip

    def _check_unchanged(self, user: str | None, *, unsure: bool) -> None:
        if self._record.lost is not None:
            raise GuardFailed(Status.CHANGED, self._record.lost)
        if user is not None:
            changed = not self._holds(user)
        else:
            # A flip whose answer was lost is known by its reason.
            ours = unsure and self._last.get("reason") == self._reason
            changed = _mark(self._last) != self._mark and not ours
        if changed:
            when = clock_time(self._last.get("since"))
            raise GuardFailed(
                Status.CHANGED,
                f"{self.name} was changed by {self._last.get('by') or 'an edit of the YAML'}"
                f"{f' at {when}' if when else ''} while it was guarded, so it is left as it is",
            )

    def _set(
        self,
        change: Mapping[str, object],
        check: Callable[[], None] = lambda: None,
        reason: str | None = None,
    ) -> None:
        # A read and a compare-and-set, where the flag does not say all this already.
        said = self._reason if reason is None else reason
        for _ in range(ATTEMPTS):
            check()
            if self._says_for_good(change):
                self._mark = _mark(self._last)
                return
            if self._was_in_time(lambda: self._flip(change, said, self.revision)):
                return
        raise GuardFailed(Status.REFUSED, f"{self.name} is being changed by others all the time")

    def _was_in_time(self, flip: Callable[[], None]) -> bool:
        """Whether it was done; else something was changed before, and is known now."""
        try:
            flip()
        except Refused as refused:
            if refused.status != 412:
                raise
            self._see(self._client.get("flags", self.name))
            return False
        return True

    def _flip(self, change: Mapping[str, object], reason: str, revision: int) -> None:
        document = {**change, "reason": reason}
        self._see(
            self._client.call("PATCH", "flags", self.name, document=document, if_match=revision)
        )
        self._mark = _mark(self._last)

    def _says_for_good(self, change: Mapping[str, object]) -> bool:
        # With an "until" it may say otherwise before the command has ended.
        says = all(
            value is not None and self._last.get(key) == value for key, value in change.items()
        )
        return says and self._last.get("until") is None

    def _see(self, answer: Answer) -> None:
        self._last = answer.document

    def _holds(self, user: str | None) -> bool:
        on = bool(self._last.get("enabled"))
        return on if user is None else on and user in users_of(self._last)

    def _is_armed_for_nobody(self) -> bool:
        held = users_of(self._last) or self._last.get("rollout")
        return self._last.get("kind") == "user" and bool(self._last.get("enabled")) and not held

    def _found(self) -> Before:
        override = self._last.get("override") or {}
        window = self._last.get("window") or {}
        was_on = bool(self._last.get("enabled")) and not window.get("holds")
        return Before(override.get("ttl"), override.get("enabled"), was_on, armed=True)

    def _inherited(self) -> Before | None:
        # Where another guard has armed the flag, what it found is what is to be put back.
        if self._last.get("ttl") != 0:
            return None
        return _first(map(_read_before, self._record.others()))

    def _still_wanted(self) -> bool:
        return any(not guard.get("abandoned") for guard in self._record.others())


def _first(found: Iterable[Before | None]) -> Before | None:
    return next((before for before in found if before is not None), None)


def _mark(flag: Document) -> object:
    keys = ("since", "by", "override", "enabled", "mode", "users", "rollout")
    return tuple(str(flag.get(key)) for key in keys)


def _as_document(before: Before) -> dict[str, object]:
    return {"ttl": before.ttl, "enabled": before.enabled, "was_on": before.was_on}


def _read_before(guard: Document) -> Before | None:
    before = guard.get("before")
    if not isinstance(before, dict):
        return None
    was_on = bool(before.get("was_on"))
    return Before(before.get("ttl"), before.get("enabled"), was_on, armed=True)

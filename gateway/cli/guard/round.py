"""A list of users, each in its turn, several at a time; it stops at the first failure."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager

from gateway.cli.guard.list import Journal
from gateway.cli.guard.progress import Shown
from gateway.cli.guard.record import GuardRecord
from gateway.cli.guard.signals import Interrupts
from gateway.cli.guard.turn import Outcome, Turn


class Round:
    """One pass over the users. ``turns`` opens what one worker takes its turns with."""

    def __init__(
        self,
        users: Sequence[str],
        turns: Callable[[], AbstractContextManager[Turn]],
        interrupts: Interrupts,
        *,
        record: GuardRecord,
        journal: Journal | None,
        shown: Shown,
    ) -> None:
        self._total = len(users)
        self._left = iter(users)
        self._turns = turns
        self._interrupts = interrupts
        self._record = record
        self._journal = journal
        self._shown = shown
        self._lock = threading.Lock()
        self._stopped = False
        self._begun = 0
        self._done = 0
        self._failures: list[Outcome] = []

    def take(self, jobs: int) -> Outcome:
        """What the round came to; raises what the journal raises."""
        with ThreadPoolExecutor(jobs, thread_name_prefix="turns") as pool:
            for worker in [pool.submit(self._work) for _ in range(jobs)]:
                worker.result()
        return self._outcome()

    def _work(self) -> None:
        try:
            with self._turns() as turn:
                while (user := self._next()) is not None:
                    self._ended(user, turn.take(user))
        except BaseException:
            self._stopped = True
            raise

    def _next(self) -> str | None:
        with self._lock:
            if self._stopped or self._interrupts.number is not None:
                return None
            user = next(self._left, None)
            self._begun += user is not None
            return user

    def _ended(self, user: str, outcome: Outcome) -> None:
        done = not outcome.status
        with self._lock:
            self._done += done
            if not done:
                self._stopped = True
                self._failures.append(outcome)
            self._record.say(progress={"done": self._done, "of": self._total})
        if self._journal is not None:
            self._journal.write(user, done=done)
        self._shown.ended(user, done=done, took=outcome.took)
        if outcome.message:
            self._shown.say(outcome.message)

    def _outcome(self) -> Outcome:
        number = self._interrupts.number
        left = self._total - self._begun
        if not self._failures and not (number is not None and left):
            return Outcome(0, 0.0)
        first = self._failures[0].status if self._failures else 128 + (number or 0)
        said = f"stopped: {self._done} of {self._total} users are done, {left} not begun"
        left_on = "; ".join(each.left_on for each in self._failures if each.left_on)
        return Outcome(first, 0.0, said, left_on)

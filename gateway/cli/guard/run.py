"""A guard from its first call to its last: one turn, or one for each user of a list."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from gateway.cli.client import Client
from gateway.cli.failures import Failure
from gateway.cli.guard.command import Launcher
from gateway.cli.guard.command_progress import CommandProgress
from gateway.cli.guard.drain import Drainer, DrainTerms
from gateway.cli.guard.failures import Interrupted, own
from gateway.cli.guard.flag import GuardedFlag
from gateway.cli.guard.list import Journal
from gateway.cli.guard.progress import Shown, progress
from gateway.cli.guard.record import Claim, GuardRecord
from gateway.cli.guard.round import Round
from gateway.cli.guard.signals import Interrupts
from gateway.cli.guard.turn import Job, Outcome, Say, Turn
from gateway.cli.wording import counted, span

LONGEST_REASON = 500  # characters of the command, where no reason was given


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be guarded, and how. Seconds for all times.

    ``users`` None: the flag as a whole. ``listed``: they came as a list, which has progress
    and may have a journal.
    """

    flag: str
    job: Job
    terms: DrainTerms
    reason: str = ""
    users: tuple[str, ...] | None = None
    listed: bool = False
    jobs: int = 1
    lead: float = 0.0
    take_over: bool = False

    @property
    def command(self) -> str:
        return shlex.join(self.job.program.words)

    @property
    def user(self) -> str | None:
        """The one user, where they did not come as a list."""
        return self.users[0] if self.users and not self.listed else None


class GuardRun:
    """Carries a plan out over ``client``. What it is about goes to ``say``, line by line."""

    def __init__(
        self, client: Client, plan: Plan, interrupts: Interrupts, journal: Journal | None, say: Say
    ) -> None:
        self._client = client
        self._plan = plan
        self._interrupts = interrupts
        self._journal = journal
        self._say = say
        claim = Claim(plan.flag, plan.user, plan.command, plan.take_over)
        self._progress = CommandProgress(plan.job.program.name, say)
        # A list's own figure counts: what one of its commands says is of that user's turn only.
        look = dict if plan.listed else self._progress.news
        self._record = GuardRecord(client, claim, look)
        self._flips = client.keeping(guard=self._record.owner)
        reason = plan.reason or f"guard: {plan.command}"[:LONGEST_REASON]
        wait = interrupts.wait
        self._flag = GuardedFlag(self._flips, self._record, plan.flag, reason, wait=wait)

    def run(self) -> int:
        """The exit status. Raises ``Failure`` for what goes wrong outside of a turn."""
        with ExitStack() as stack:
            stack.callback(self._flips.close)
            stack.enter_context(self._progress)
            self._flag.look(self._plan.users)
            self._flag.inherit(self._record.acquire())
            stack.callback(self._record.release)
            try:
                self._arm()
                outcome = self._take_turns()
            except BaseException as error:
                if isinstance(error, Failure):
                    failed = own(error)
                    self._record.ended(failed.status, failed.message, left_on=False)
                self._disarm("")
                raise
            self._record.ended(outcome.status, outcome.message, left_on=bool(outcome.left_on))
            self._disarm(outcome.left_on)
        if outcome.message:
            self._say(outcome.message)
        return outcome.status

    def _arm(self) -> None:
        plan = self._plan
        revision = self._flag.arm(plan.users)
        with self._drainer() as drainer:
            members = drainer.wait_armed(revision, strict=self._flag.strict)
        ahead = f"; on in {span(plan.lead)}" if plan.lead else ""
        self._say(f"armed since revision {revision}: TTL 0 on {counted(members, 'member')}{ahead}")
        if plan.lead and self._interrupts.wait(plan.lead):
            raise Interrupted(self._interrupts.number or signal.SIGINT)
        self._record.tell(state="guarding")

    def _take_turns(self) -> Outcome:
        plan = self._plan
        if not plan.listed:
            with self._turns(self._say) as turn:
                return turn.take(plan.user)
        users = plan.users or ()
        with progress(len(users)) as shown:
            taking = Round(
                users,
                lambda: self._turns(_nothing, shown),
                self._interrupts,
                record=self._record,
                journal=self._journal,
                shown=shown,
            )
            return taking.take(min(plan.jobs, len(users)))

    @contextmanager
    def _turns(self, say: Say, shown: Shown | None = None) -> Iterator[Turn]:
        plan = self._plan
        output = shown.output if shown is not None else None
        with self._drainer() as drainer:
            yield Turn(
                self._flag,
                self._record,
                drainer,
                Launcher(
                    self._interrupts,
                    reads=not plan.listed,
                    output=output,
                    told=self._progress.environ,
                ),
                self._interrupts,
                job=plan.job,
                say=say,
            )

    @contextmanager
    def _drainer(self) -> Iterator[Drainer]:
        drainer = Drainer(self._client, self._plan.terms, self._interrupts)
        try:
            yield drainer
        finally:
            drainer.close()

    def _disarm(self, left_on: str) -> None:
        try:
            self._flag.disarm(left_on=left_on)
        except Failure as failure:
            self._say(f"the TTL of {self._plan.flag} could not be put back: {failure.message}")


def _nothing(_line: str) -> None:
    # A list says how far it is, not what each turn does.
    return

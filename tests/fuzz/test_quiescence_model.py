"""The protocol as a state machine: whatever happens in whatever order, the promise holds.

``Machine`` steps a world of members, a store and a guard (``tests.support.quiescence_world``).
The same machine, with one rule of the protocol broken, must find a way to break the promise:
so the promise is one that can be broken, and each of these rules is needed for it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from tests.support.quiescence_world import BROKEN, Member, World

MOST = 3  # members
Step = tuple[str, int | float]

# Every step with how often it is taken. What it does is in the method of that name. One draw a
# step, from one rule, makes thousands of runs a second, each with all kinds of steps.
OF_A_MEMBER = {
    "admit": 1,
    "finish": 2,
    "begin_to_read": 4,
    "end_reading": 2,
    "read": 2,
    "report": 1,
    "renew": 2,
    "begin_to_renew": 1,
    "write": 1,
    "end_renewing": 4,
    "fail_to_renew": 1,
    "renew_slowly": 8,
    "slow": 5,
    "fast": 2,
    "freeze": 3,
    "pause": 2,
    "wake": 4,
    "set_the_clock": 1,
    "crash": 1,
    "bury": 1,
}
OF_ALL: dict[Step, int] = {
    ("pass_time", 5.0): 5,
    ("pass_time", 3.0): 5,
    ("pass_time", 8.5): 10,
    ("pass_time", 12.0): 15,
    ("join", 1.0): 2,
    ("start", 0.98): 10,
    ("start", 1.02): 10,
    ("lose_history", 0): 1,
    ("lose_all", 0): 1,
    ("meddle", 0): 1,
    ("meddle", 1): 1,
    ("flip", 0): 25,
    ("judge", 0.0): 40,
    ("judge", 12.0): 5,
    ("judge_late", 12.0): 5,
    ("lift", 0): 12,
}
STEPS: list[Step] = [step for step, often in OF_ALL.items() for _ in range(often)]
STEPS += [
    (name, who) for name, often in OF_A_MEMBER.items() for who in range(MOST) for _ in range(often)
]


class Machine(RuleBasedStateMachine):
    """A world, stepped by chance. ``broken`` is the rule of the protocol that it breaks."""

    broken = ""

    @initialize(strict=st.sampled_from([True, True, False]), members=st.integers(1, 2))
    def start(self, *, strict: bool, members: int) -> None:
        self.world = World(strict, self.broken)
        self.slow: set[Member] = set()  # whose messages arrive, but not yet the answers
        for _ in range(members):
            member = self.world.join(1.0)
            self._renew(member)
            self._read(member)
        self.world.look()

    @rule(step=st.sampled_from(STEPS))
    def step(self, step: Step) -> None:
        name, value = step
        if name in OF_A_MEMBER:
            member = self.world.members[int(value) % len(self.world.members)]
            getattr(self, f"_{name}")(member)
        else:
            getattr(self, f"_{name}")(value)

    # All

    def _pass_time(self, seconds: float) -> None:
        """The members renew in time, and the guard watches."""
        for part in self._parts(seconds):
            self.world.tick(part)
            self.world.look()

    def _join(self, rate: float) -> None:
        if len(self.world.members) < MOST:
            self.world.join(rate)

    def _start(self, rate: float) -> None:
        """A new member, whole."""
        if len(self.world.members) < MOST:
            member = self.world.join(rate)
            self._renew(member)
            self._read(member)

    def _lose_history(self, _: float) -> None:
        self.world.lose_history(anew=False)

    def _lose_all(self, _: float) -> None:
        self.world.lose_history(anew=True)

    def _meddle(self, on: float) -> None:
        self.world.meddle(on=bool(on))

    def _flip(self, _: float) -> None:
        self.world.flip()
        self._all_answer()

    def _judge(self, seconds: float) -> None:
        self._all_answer()
        self.world.judge(before=lambda: self._parts(seconds))

    def _judge_late(self, seconds: float) -> None:
        self._all_answer()
        self.world.judge(after=lambda: self._parts(seconds))

    def _lift(self, _: float) -> None:
        self.world.lift()

    # A member

    def _admit(self, member: Member) -> None:
        self.world.admit(member)

    def _finish(self, member: Member) -> None:
        self.world.finish(member)

    def _begin_to_read(self, member: Member) -> None:
        self.world.begin_read(member)
        self.world.answer_read(member)

    def _end_reading(self, member: Member) -> None:
        self.world.end_read(member)

    def _report(self, member: Member) -> None:
        self.world.report(member)

    def _begin_to_renew(self, member: Member) -> None:
        self.world.begin_renewal(member)

    def _write(self, member: Member) -> None:
        self.world.write_renewal(member)

    def _end_renewing(self, member: Member) -> None:
        self.world.write_renewal(member)
        self.world.end_renewal(member, answered=True)

    def _renew_slowly(self, member: Member) -> None:
        """The answer takes long, and after it the member falls silent."""
        self._slow(member)
        self._pass_time(8.0)
        self._end_renewing(member)

    def _fail_to_renew(self, member: Member) -> None:
        self.world.write_renewal(member)
        self.world.end_renewal(member, answered=False)

    def _slow(self, member: Member) -> None:
        # One renewal is on its way, and no other follows.
        self.slow.add(member)
        self._renew(member)
        self.world.look()

    def _fast(self, member: Member) -> None:
        self.slow.discard(member)

    def _freeze(self, member: Member) -> None:
        self.world.freeze(member, paused=False)

    def _pause(self, member: Member) -> None:
        self.world.freeze(member, paused=True)

    def _wake(self, member: Member) -> None:
        self.world.wake(member)

    def _set_the_clock(self, member: Member) -> None:
        member.wall.now += 5.0

    def _crash(self, member: Member) -> None:
        self.world.crash(member)

    def _bury(self, member: Member) -> None:
        self.world.bury(member)

    @invariant()
    def nothing_in_scope_while_the_command_runs(self) -> None:
        if hasattr(self, "world"):
            self.world.check()

    def _parts(self, seconds: float) -> Iterator[float]:
        # Time to pass, bit by bit, in which the members renew.
        while seconds > 0:
            for member in self.world.members:
                if member not in self.slow:
                    self._renew(member)
            yield min(seconds, 3.0)
            seconds -= 3.0

    def _all_answer(self) -> None:
        for member in self.world.members:
            self._read(member)
            self.world.report(member)

    def _renew(self, member: Member) -> None:
        if member.renewing is None:
            self.world.begin_renewal(member)
            self.world.write_renewal(member)
            if member not in self.slow:
                self.world.end_renewal(member, answered=True)

    def _read(self, member: Member) -> None:
        if member.reading is None:
            self.world.begin_read(member)
            self.world.answer_read(member)
            if member not in self.slow:
                self.world.end_read(member)


def searching(examples: int) -> settings:
    return settings(
        max_examples=examples,
        stateful_step_count=50,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )


def step_by_chance(machine: Machine, chance: random.Random) -> None:
    """One run as Hypothesis would make it, but a hundred times as fast, and without shrinking."""
    machine.start(strict=chance.random() < 2 / 3, members=chance.randint(1, 2))
    for _ in range(50):
        machine.step(step=chance.choice(STEPS))
        machine.nothing_in_scope_while_the_command_runs()


def test_nothing_in_scope_runs_while_a_command_does() -> None:
    run_state_machine_as_test(Machine, settings=searching(500))


def test_nothing_does_in_thousands_of_runs() -> None:
    chance = random.Random(1)
    for _ in range(4_000):
        step_by_chance(Machine(), chance)


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_rule_is_found(broken: str) -> None:
    chance = random.Random(1)
    broken_machine = type("Broken", (Machine,), {"broken": broken})

    def search() -> None:
        for _ in range(20_000):
            step_by_chance(broken_machine(), chance)

    with pytest.raises(AssertionError, match="while the command runs"):
        search()

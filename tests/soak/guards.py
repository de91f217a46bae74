"""``gateway guard``, run over and over, in threads of the soak."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.soak.judge import Scope
from tests.soak.topology import PEOPLE, USERS, Site
from tests.support.gateway_process import TOKEN
from tests.support.servers import BIN

COMMAND = Path(__file__).with_name("command.py")
# Seconds for one guard; one that takes longer hangs. Where the gateway that it calls is frozen,
# it gives up on the drain in 35 s, on putting the flag back in 45 s, on its record in 15 s.
LONGEST = 150.0
DRAIN = "20s"
LEFT_ON = {71, 72}  # it says itself that the flag stays on, and how to lift it


@dataclass(frozen=True, slots=True)
class Ran:
    """One guard that has ended; ``at`` is on the monotonic clock, ``took`` in seconds."""

    flag: str
    status: int | None  # None: it hung
    said: str
    at: float
    took: float


class Guards:
    """One guard after another on one flag, through one gateway after another, until stopped.

    ``guarded`` False is the soak's own check: the flag goes on, and the command runs at once.
    """

    def __init__(self, site: Site, scope: Scope, *, guarded: bool = True) -> None:
        self.ran: list[Ran] = []
        self._site = site
        self._scope = scope
        self._once = self._guard if guarded else self._merely_flip
        self._random = random.Random(scope.flag)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"guards of {scope.flag}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Let the one that runs come to its end."""
        self._over.set()
        self._thread.join()

    def statuses(self) -> Counter[int | None]:
        return Counter(ran.status for ran in self.ran)

    def _run(self) -> None:
        while not self._over.is_set():
            ran = self._once()
            self.ran.append(ran)
            with self._site.guard_log.open("a") as log:
                log.write(f"{ran.at - ran.took:.3f} {ran}\n")
            if ran.status != 0:
                if ran.status is None or ran.status in LEFT_ON:
                    self._gateway("reset", self._scope.flag)
                self._over.wait(0.2)
            self._over.wait(self._random.uniform(0.02, 0.3))

    def _guard(self) -> Ran:
        words = ["guard", self._scope.flag, "--take-over", "--drain", DRAIN]
        users = self._users()
        if len(users) > 1:
            words += ["--users", "-", "--jobs", "2"]
        elif users:
            words += ["--user", *users]
        return self._gateway(*words, "--", *self._command(), given="\n".join(users))

    def _merely_flip(self) -> Ran:
        users = self._users()[:1]
        whom = ["--user", *users] if users else []
        ran = self._gateway("on", self._scope.flag, *whom)
        named = {"GATEWAY_USER": users[0]} if users else {}
        environ = {**os.environ, "GATEWAY_FLAG": self._scope.flag, **named}
        subprocess.run(self._command(), env=environ, check=False)
        self._gateway("off", self._scope.flag, *whom)
        return ran

    def _users(self) -> list[str]:
        if self._scope is not PEOPLE:
            return []
        some = self._random.sample(range(USERS), self._random.choice([1, 4, 6]))
        return [f"u{number}" for number in some]

    def _command(self) -> list[str]:
        seconds = f"{self._random.uniform(0.05, 0.2):.3f}"
        return [str(BIN / "python"), "-I", "-S", str(COMMAND), str(self._site.windows), seconds]

    def _gateway(self, *words: str, given: str = "") -> Ran:
        url = self._random.choice(self._site.entrances).control_url
        began = time.monotonic()
        try:
            done = subprocess.run(
                [str(BIN / "gateway"), *words],
                env={**os.environ, "GATEWAY_URL": url, "GATEWAY_CONTROL_TOKEN": TOKEN},
                input=given,
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
            status, said = done.returncode, done.stderr
        except subprocess.TimeoutExpired as error:
            status, said = None, f"hung: {error.stderr!r}"
        now = time.monotonic()
        return Ran(self._scope.flag, status, said.strip(), now, now - began)

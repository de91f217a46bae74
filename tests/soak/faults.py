"""What goes wrong in the middle of a soak. Each returns when it has been mended."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.soak.judge import read_windows
from tests.soak.topology import Site
from tests.support.servers import wait_until
from tests.support.workers import children

FROZEN_REPLICA = 20.0  # seconds: its lease of 10 s, what others wait more, orphans, and windows
FROZEN_WORKER = 16.0
LAST_CALLS = 5.0  # seconds for guards to end that were begun through it
FROZEN_REDIS = 12.0

Cause = Callable[[Site], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """``breaks``: connections of any kind may be lost by it, those of the control group too.

    ``windows``: so many at least must start while it lasts. ``leaseless``: leases run out by it
    in members that go on.
    """

    name: str
    cause: Cause
    breaks: bool = True
    windows: int = 0
    leaseless: bool = False


def kill_workers(site: Site, times: int = 4) -> None:
    """SIGKILL to one worker after another, the next when the last was replaced."""
    several = [gateway for gateway in site.gateways if gateway.workers > 1]
    for number in range(times):
        gateway = several[number % len(several)]
        os.kill(random.choice(gateway.processes()), signal.SIGKILL)
        time.sleep(1.0)
        wait_until(gateway.all_listen, "the worker is replaced", within=15)
        time.sleep(1.5)


def kill_one_worker(site: Site) -> None:
    """SIGKILL to one worker, once."""
    kill_workers(site, 1)


def replace_workers(site: Site) -> None:
    """SIGHUP, again and again."""
    for _ in range(4):
        for gateway in site.gateways:
            before = set(gateway.processes())
            os.kill(gateway.program.pid, signal.SIGHUP)
            wait_until(
                lambda: not before & set(gateway.processes()) and gateway.all_listen(),  # noqa: B023 asked at once
                "all workers are replaced",
                within=30,
            )
        time.sleep(1.0)


def freeze_replica(site: Site) -> None:
    """A whole gateway stands still for longer than its lease, and is woken into a window."""
    gateway = site.gateways[1]
    # Who calls the control API of a gateway that stands still learns nothing but that it does.
    site.entrances = [other for other in site.gateways if other is not gateway]
    time.sleep(LAST_CALLS)
    gateway.signal(signal.SIGSTOP)
    _wake_into_a_window(site, FROZEN_REPLICA, lambda: gateway.signal(signal.SIGCONT))
    site.entrances = list(site.gateways)


def freeze_worker(site: Site) -> None:
    """The same with one of the workers of one gateway."""
    pid = random.choice(sorted(children(site.gateways[0].program.pid)))
    os.kill(pid, signal.SIGSTOP)
    _wake_into_a_window(site, FROZEN_WORKER, lambda: os.kill(pid, signal.SIGCONT))


def restart_redis(site: Site) -> None:
    """Killed and started again, with what it had written."""
    assert site.redis is not None
    for _ in range(3):
        site.redis.kill()
        time.sleep(0.5)
        site.redis.start()
        time.sleep(3.0)


def freeze_redis(site: Site) -> None:
    """It stands still for longer than leases last, and goes on where it was."""
    assert site.redis is not None
    site.redis.freeze()
    time.sleep(FROZEN_REDIS)
    site.redis.thaw()


def _wake_into_a_window(site: Site, after: float, wake: Callable[[], None]) -> None:
    # What it does first then is what would overlap.
    time.sleep(after)
    known, deadline = len(read_windows(site.windows)), time.monotonic() + 60
    while len(read_windows(site.windows)) == known and time.monotonic() < deadline:
        time.sleep(0.002)
    wake()
    assert time.monotonic() < deadline, "no command has run in 60 s, though the flags are strict"


KILL_WORKERS = Fault("workers killed", kill_workers)
KILL_ONE_WORKER = Fault("a worker killed", kill_one_worker)
REPLACE_WORKERS = Fault("workers replaced", replace_workers, breaks=False)
FREEZE_WORKER = Fault("a worker frozen", freeze_worker, windows=1)
FREEZE_REPLICA = Fault("a replica frozen", freeze_replica, windows=2)
RESTART_REDIS = Fault("Redis restarted", restart_redis, breaks=False)
FREEZE_REDIS = Fault("Redis frozen", freeze_redis, breaks=False, leaseless=True)

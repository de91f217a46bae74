"""Several worker processes that share the port: started, replaced and ended by one parent.

Theory of operation. The supervisor serves nothing and has neither event loop nor threads, so
that it can fork at any time and has nothing to fail by. It binds a set of sockets for each
worker and keeps them open itself: the connections that wait in a socket's queue outlive the
worker, and the next one takes them. It listens on none; a worker does when it is ready.

Each *slot* has a worker that serves. One that dies is replaced, with back-off. SIGHUP raises
the *generation*: slot after slot, a worker with the new settings is started beside the old one
on the same sockets, and once it is ready the old one leaves: it accepts no more and finishes
what it has. Sets of sockets are never closed while their address is served; where there are
more sets than workers, the workers serve several each.

Whoever started this process as a service is told by the supervisor alone. Then the workers tell
it how they fare, and one whose loop hangs is killed, after the time that the watchdog gives this
process: what has to be started again is that worker, and not the others.

Everything happens in ``_turn``: wait for signals, for what workers say and for the next time
something is due; then take in what has come.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Mapping, Sequence

from gateway.app import Seat
from gateway.config.errors import ConfigErrors
from gateway.config.passed import NOTHING_PASSED, Passed
from gateway.config.settings import Settings
from gateway.processes.failures import start_failure
from gateway.processes.listeners import Listeners
from gateway.processes.service import NOBODY, Service
from gateway.processes.signal_inbox import ENDS, SignalInbox
from gateway.processes.slots import Slot, Worker
from gateway.processes.worker import FAILED, HURRY, LEAVE, Task, start
from gateway.telemetry.shared_tally import SharedTally

START = 60.0  # seconds until a worker must be ready
KILL_AFTER = 1.0  # seconds beyond timeouts.linger and timeouts.shutdown
PLACES = 4  # for each worker, so that several generations can be leaving

log = logging.getLogger("gateway.supervisor")


class NotStarted(Exception):  # noqa: N818 an answer to the one caller
    """No worker could be started. The message is one line that says why."""


def supervise(
    settings: Settings,
    load: Callable[[], Settings],
    *,
    environ: Mapping[str, str] | None = None,
    passed: Passed = NOTHING_PASSED,
    service: Service = NOBODY,
    ends: Sequence[signal.Signals] = ENDS,
) -> None:
    """Run ``settings.workers`` processes until one of the signals ``ends``.

    ``load`` reads the settings anew, at SIGHUP. ``passed`` are sockets that they may be told to
    listen on, ``service`` is who is told how it fares. Call it in a process without threads.
    Raises NotStarted where the first workers do not come up.
    """
    inbox = SignalInbox(*ends, signal.SIGHUP, signal.SIGCHLD)
    with inbox, Listeners(passed) as listeners:
        Supervisor(settings, load, environ, inbox, listeners, service).run()


class Supervisor:
    """The parent of the workers."""

    def __init__(
        self,
        settings: Settings,
        load: Callable[[], Settings],
        environ: Mapping[str, str] | None,
        inbox: SignalInbox,
        listeners: Listeners,
        service: Service,
    ) -> None:
        self._service = service
        self._beat_at = 0.0 if service.period else math.inf
        self._settings = settings
        self._load = load
        self._environ = environ
        self._inbox = inbox
        self._listeners = listeners
        self._tally = SharedTally(PLACES * max(settings.workers, os.cpu_count() or 1) + PLACES)
        self._generation = 1
        self._slots = [Slot(number) for number in range(settings.workers)]
        self._workers: list[Worker] = []
        self._up = False  # all of the first workers were ready once
        self._settled = False  # every slot has a worker of this generation
        self._end_by: float | None = None  # stopping: when what is left is killed
        self._failure = ""

    def run(self) -> None:
        """Until every worker has ended. Raises NotStarted."""
        try:
            self._listeners.bind(self._settings, len(self._slots))
        except OSError as error:
            raise NotStarted(start_failure(error)) from error
        while self._end_by is None or self._workers:
            self._turn()
        if self._failure:
            raise NotStarted(self._failure)
        log.info("stopped")

    def _turn(self) -> None:
        self._wait()
        now = time.monotonic()
        for number in self._inbox.take():
            if number == signal.SIGHUP:
                self._reload()
            elif number != signal.SIGCHLD:
                self._stop(now)
        for worker in self._workers:
            worker.hear(now)
            self._welcome(worker, now)
        self._reap(now)
        if self._end_by is None:
            self._start_due(now)
            self._settle()
        elif self._end_by <= now:
            self._kill()
        if self._beat_at <= now:
            self._beat(now)

    # Waiting

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._inbox, select.POLLIN)
        for worker in self._workers:
            if not worker.ended:
                poll.register(worker.line, select.POLLIN)
        left = self._next() - time.monotonic()
        poll.poll(None if math.isinf(left) else max(0, math.ceil(left * 1000)))

    def _next(self) -> float:
        """When something is due, if nothing happens before."""
        if self._end_by is not None:
            return min(self._end_by, self._beat_at)
        late = [slot.coming.started + START for slot in self._slots if slot.coming]
        due = [slot.due for slot in self._slots if self._wants(slot)]
        return min((self._beat_at, *late, *due))

    def _beat(self, now: float) -> None:
        """Tell that this process lives, and see to it that its workers do."""
        self._beat_at = now + self._service.period
        if self._end_by is None:
            self._service.beat(self._condition())
            self._end_hanging(now)
        else:
            self._service.beat("stopping")

    def _condition(self) -> str:
        serving = [slot.serving for slot in self._slots if slot.serving is not None]
        parts = [f"{len(serving)} of {self._settings.workers} workers serve"]
        leaving = sum(self._slot_of(worker) is None for worker in self._workers)
        parts += [f"{leaving} leaving"] if leaving else []
        # They follow each other within milliseconds, so that any of them will do.
        parts += [worker.condition for worker in serving if worker.condition][:1]
        return "; ".join(parts)

    def _end_hanging(self, now: float) -> None:
        limit = self._service.watchdog
        for worker in self._workers if limit else ():
            if worker.hangs(now, limit):
                log.error("worker %d (pid %d) hangs: killing it", worker.slot, worker.pid)
                os.kill(worker.pid, signal.SIGKILL)

    # Starting

    def _wants(self, slot: Slot) -> bool:
        """Whether it is this slot's turn to get a worker."""
        if slot.coming is not None or slot.number >= self._settings.workers:
            return False
        if self._end_by is not None or not self._tally.free:
            return False  # many are still leaving; one that ends makes room
        if slot.serving is not None:
            return slot is self._behind()
        # One goes first at the start, so that what is wrong is said once.
        return self._up or slot.number == 0 or self._slots[0].serving is not None

    def _behind(self) -> Slot | None:
        """The first whose worker is to be replaced; the others wait for it."""
        for slot in self._slots:
            if slot.serving is not None and slot.serving.generation < self._generation:
                return slot
        return None

    def _start_due(self, now: float) -> None:
        for slot in self._slots:
            if slot.coming is not None and slot.coming.started + START <= now:
                slot.coming.said = FAILED + b"it was not ready within %d s" % START
                os.kill(slot.coming.pid, signal.SIGKILL)
            elif self._wants(slot) and slot.due <= now:
                self._start(slot, now)

    def _start(self, slot: Slot, now: float) -> None:
        workers = self._settings.workers
        desk = self._tally.take()
        seat = Seat(
            slot.number,
            workers,
            self._listeners.public(slot.number, workers),
            self._listeners.control(slot.number, workers),
            desk,
        )
        ours, theirs = socket.socketpair()

        def forget() -> None:
            self._inbox.forget()
            for worker in self._workers:
                worker.line.close()
            ours.close()
            self._listeners.close_but(seat.public + seat.control)

        task = Task(self._settings, self._environ, seat, theirs, self._service.period)
        try:
            pid = start(task, forget)
        except OSError as error:
            ours.close()
            self._tally.end(desk)
            self._not_started(slot, f"no process can be made: {error.strerror}", now)
            return
        finally:
            theirs.close()
        ours.settimeout(0)
        slot.coming = Worker(pid, slot.number, self._generation, ours, desk, now)
        self._workers.append(slot.coming)

    def _welcome(self, worker: Worker, now: float) -> None:
        """It serves from now on, if it has just said so, and the one before it leaves."""
        slot = self._slot_of(worker)
        if slot is None or slot.coming is not worker or not worker.says_ready:
            return
        before, slot.serving, slot.coming = slot.serving, worker, None
        worker.ready = now
        if before is not None:
            self._tell(before, LEAVE)

    def _settle(self) -> None:
        """Take note when all slots are as they should be."""
        wanted = self._slots[: self._settings.workers]
        current = [
            slot.coming is None
            and slot.serving is not None
            and slot.serving.generation == self._generation
            for slot in wanted
        ]
        if self._settled or not all(current):
            return
        self._settled = True
        for slot in self._slots[len(wanted) :]:
            for worker in filter(None, (slot.serving, slot.coming)):
                self._tell(worker, LEAVE)
        del self._slots[len(wanted) :]
        self._listeners.keep_current()
        self._say_where()

    def _say_where(self) -> None:
        self._service.ready(self._condition())
        address, control = self._listeners.addresses
        if self._up:
            log.info("every worker is replaced; %d serve %s", len(self._slots), address)
            return
        self._up = True
        log.info("in front of %s on %s", self._settings.upstream, address)
        if control is not None:
            log.info("control API on %s", control)
        log.info("%d workers", len(self._slots))

    # Replacing

    def _reload(self) -> None:
        if self._end_by is not None:
            return
        self._service.reloading()
        settings = self._read_anew()
        if settings is None:
            if self._settled:  # or else it is said once all are replaced
                self._service.ready(self._condition())
            return
        log.info("SIGHUP: replacing the workers one after another")
        self._settings = settings
        self._generation += 1
        self._settled = False
        for slot in self._slots:
            slot.deaths, slot.due = 0, 0.0
        self._slots += [Slot(number) for number in range(len(self._slots), settings.workers)]

    def _read_anew(self) -> Settings | None:
        """The settings, and the sockets for them; None, with a line in the log: not to be had."""
        try:
            settings = self._load()
            if 2 * settings.workers > self._tally.places:
                log.warning("SIGHUP: nothing was changed: so many workers take a restart")
                return None
            self._listeners.bind(settings, settings.workers)
        except ConfigErrors as errors:
            log.warning("SIGHUP: the YAML is invalid, so nothing was changed:\n%s", errors)
        except OSError as error:
            log.warning("SIGHUP: nothing was changed: %s", start_failure(error))
        else:
            return settings
        return None

    def _tell(self, worker: Worker, order: bytes) -> None:
        with contextlib.suppress(OSError):  # it is dead, and will be reaped
            worker.line.send(order)

    # Ending

    def _reap(self, now: float) -> None:
        for worker in tuple(self._workers):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                self._workers.remove(worker)
                worker.hear(now)
                worker.line.close()
                self._tally.end(worker.desk)
                self._gone(worker, status, now)

    def _gone(self, worker: Worker, status: int, now: float) -> None:
        slot, why = self._slot_of(worker), worker.failure(status)
        if slot is None or self._end_by is not None:
            if status:
                log.warning("worker %d (pid %d) %s", worker.slot, worker.pid, why)
        elif slot.coming is worker:
            slot.coming = None
            self._not_started(slot, why, now)
        else:
            slot.serving = None
            wait = slot.back_off(now, now - (worker.ready or now))
            log.error("worker %d (pid %d) %s; %s", slot.number, worker.pid, why, _again(wait))

    def _not_started(self, slot: Slot, why: str, now: float) -> None:
        if not self._up:
            self._failure = why
            self._stop(now)
            return
        wait = slot.back_off(now, 0.0)
        stays = "; the old one stays" if slot.serving is not None else ""
        log.error("worker %d is not started: %s%s; %s", slot.number, why, stays, _again(wait))

    def _stop(self, now: float) -> None:
        """All at once; told a second time, without waiting for what is under way."""
        if self._end_by is None:
            log.info("stopping: finishing what is under way")
            self._service.stopping(self._settings.timeouts.to_stop)
            self._listeners.close_but(())
            self._end_by = now + self._settings.timeouts.to_stop + KILL_AFTER
            for worker in self._workers:
                os.kill(worker.pid, signal.SIGTERM)
        else:
            self._end_by = min(self._end_by, now + KILL_AFTER)
            for worker in self._workers:
                self._tell(worker, HURRY)

    def _kill(self) -> None:
        for worker in self._workers:
            os.kill(worker.pid, signal.SIGKILL)
        self._end_by = math.inf

    def _slot_of(self, worker: Worker) -> Slot | None:
        """The slot that counts on this worker; None: it is leaving."""
        for slot in self._slots:
            if worker in {slot.serving, slot.coming}:
                return slot
        return None


def _again(wait: float) -> str:
    return f"another is started in {wait:g} s" if wait else "another is started"

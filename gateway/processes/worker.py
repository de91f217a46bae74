"""A worker process: forked by the supervisor, it serves until it is told to end.

Theory of operation. The two ends of a socket pair are all that a worker and the supervisor have
in common. The worker says on it that it is ready, or why it cannot be, and, where somebody
wants to know, in which condition it is; the supervisor says that the worker is to leave, or to
hurry. Where the pair ends, the other one is dead. SIGTERM means to stop, however often it comes:
there are platforms that send it to all processes at once, so that a worker gets one more from
the supervisor. It is held back until there is a loop to take it, and signals meant for the
supervisor (Ctrl-C reaches the whole process group) are ignored.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import uvloop

from gateway.app import Gateway, Seat
from gateway.config.settings import Settings
from gateway.orders import Orders
from gateway.processes.failures import start_failure
from gateway.processes.forking import fork
from gateway.processes.service import Beat

READY = b"ready\n"
FAILED = b"failed\n"  # and then why, to the end
LEAVE = b"leave\n"
HURRY = b"hurry\n"  # stop at once
BEAT = b"beat "  # and then the worker's condition, to the end of the line

log = logging.getLogger("gateway.worker")


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker is to do, and with whom it talks.

    ``beats``: seconds after which it says each time in which condition it is; 0: never.
    """

    settings: Settings
    environ: Mapping[str, str] | None
    seat: Seat
    supervisor: socket.socket
    beats: float = 0.0


def start(task: Task, forget: Callable[[], None]) -> int:
    """Start a worker; returns its process id.

    ``forget`` runs in the worker and lets go of what is the supervisor's. No thread or loop
    may run in the calling process. Raises OSError where there can be no more processes.
    """
    return fork(partial(_be_worker, task, forget))


def _be_worker(task: Task, forget: Callable[[], None], mask: set[int]) -> NoReturn:
    status = 1
    try:
        forget()
        for number in (signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask | {signal.SIGTERM})
        uvloop.run(_serve(task))
        status = 0
    except BaseException as error:  # noqa: BLE001 the last frame of this process
        _tell_failure(task.supervisor, error)
    finally:
        with contextlib.suppress(BaseException):
            logging.shutdown()
        os._exit(status)


async def _serve(task: Task) -> None:
    loop = asyncio.get_running_loop()
    orders = Orders()
    loop.add_signal_handler(signal.SIGTERM, orders.stop)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    supervisor = task.supervisor
    supervisor.settimeout(0)

    def hear() -> None:
        try:
            said = supervisor.recv(64)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if HURRY in said:
            orders.stop_at_once()
        elif said:
            orders.leave()
        else:
            log.warning("the supervisor is gone: stopping")
            loop.remove_reader(supervisor.fileno())
            orders.stop_accepting()

    loop.add_reader(supervisor.fileno(), hear)
    gateway = Gateway(task.settings, task.environ, task.seat)
    await gateway.start()
    with contextlib.suppress(OSError):  # hear() sees to that
        supervisor.send(READY)

    def beat() -> None:
        with contextlib.suppress(OSError):  # the other end does not read just now, or is gone
            supervisor.send(BEAT + gateway.condition.encode("utf-8", "replace") + b"\n")

    with Beat(task.beats, beat):
        await gateway.serve(orders)


def _tell_failure(supervisor: socket.socket, error: BaseException) -> None:
    why = start_failure(error)
    if why is None:
        why = f"a bug: {type(error).__name__}"
        log.critical("the worker ended by %s", why, exc_info=error)
    with contextlib.suppress(OSError):
        supervisor.send(FAILED + why.encode("utf-8", "replace"))

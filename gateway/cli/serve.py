"""``gateway serve``: the gateway itself, until it is told to stop."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from pathlib import Path

import click
import uvloop

from gateway.cli.configuration import config_option, read_settings
from gateway.cli.failures import Refused
from gateway.cli.logs import log_level_option, log_to_stderr
from gateway.config import Settings, load
from gateway.processes import alone, supervisor
from gateway.processes.failures import start_failure
from gateway.processes.passed_sockets import take_passed
from gateway.processes.service import Service
from gateway.stores.base import StoreError


@click.command()
@config_option
@log_level_option("info")
def serve(config: Path | None, log_level: str) -> None:
    """Serve: stand in front of the app and apply the flags.

    Stops on SIGTERM and Ctrl-C, once the requests in flight are answered; at once if told
    twice. With several workers, SIGHUP replaces them one after another. Exit status 2: the
    configuration is wrong (each error on a line of its own); 1: it cannot start.
    """
    service = Service.of(os.environ, os.getpid())
    passed = take_passed(os.environ, os.getpid())
    settings = read_settings(config, os.environ, passed)
    log_to_stderr(log_level)
    if settings.workers == 1:
        run(alone.serve(settings, passed=passed, service=service))
        return

    def again() -> Settings:
        return load(config, os.environ, passed)

    try:
        supervisor.supervise(settings, again, passed=passed, service=service)
    except supervisor.NotStarted as failed:
        raise Refused(str(failed)) from failed


def run(serving: Coroutine[object, object, None]) -> None:
    """Run to the end under uvloop; what keeps it from starting becomes one line."""
    try:
        uvloop.run(serving)
    except KeyboardInterrupt:
        return
    except (StoreError, OSError, BaseExceptionGroup) as failed:
        why = start_failure(failed)
        if why is None:
            raise
        raise Refused(why) from failed

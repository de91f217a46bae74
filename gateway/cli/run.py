"""``gateway run``: an app, and the gateway in front of it, for places with one port."""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from gateway.cli.configuration import config_option, read_settings
from gateway.cli.failures import Refused
from gateway.cli.logs import log_level_option, log_to_stderr
from gateway.cli.serve import run as run_to_the_end
from gateway.config import Settings, load
from gateway.config.environment import FORMS, WEBHOOK, variable
from gateway.config.passed import Passed
from gateway.config.secret_files import HELD_IN_FILES, SUFFIX
from gateway.processes import alone, runner, supervisor
from gateway.processes.passed_sockets import take_passed
from gateway.processes.service import VARIABLES, Service

# Below Linux's ephemeral ports: no outgoing connection takes one of them, and none that looks
# whether the app is there yet can meet itself.
PORTS = range(20_000, 32_000)


@click.command(context_settings={"allow_interspersed_args": False})
@config_option
@log_level_option("info")
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def run(config: Path | None, command: tuple[str, ...], log_level: str) -> None:
    """Run an app with the gateway in front of it, and end as it does.

    CMD is started with a free port in PORT, which it has to listen on. The gateway listens where
    the configuration says, or on the PORT that it was given itself. Until the app takes connections
    visitors get a start-up page (503).

    Signals go on to the app. On SIGTERM the gateway answers what is under way, then the app is
    ended; each has timeouts.shutdown for that. Exit status: the app's; 128 and the signal's number
    where one ended it; 127 and 126 where CMD is not there or cannot be run; 2: the configuration
    is wrong; 1: the gateway could not start.
    """
    port = _free_port()
    service = Service.of(os.environ, os.getpid())
    passed = take_passed(os.environ, os.getpid())
    environ = {**os.environ, "GATEWAY_UPSTREAM": f"http://127.0.0.1:{port}"}

    def read(reader: Callable[[Path | None, Mapping[str, str], Passed], Settings]) -> Settings:
        return replace(reader(config, environ, passed), app_starts=True)

    settings = read(read_settings)
    log_to_stderr(log_level)

    def serve() -> int:
        return _status(lambda: _serve(settings, lambda: read(load), environ, passed, service))

    times = settings.timeouts
    child_environ = _of_the_app(os.environ, port)
    both = runner.Runner(command, child_environ, serve, times.shutdown, times.linger)
    raise SystemExit(both.run())


def _serve(
    settings: Settings,
    again: Callable[[], Settings],
    environ: Mapping[str, str],
    passed: Passed,
    service: Service,
) -> None:
    if settings.workers == 1:
        serving = alone.serve(
            settings, environ=environ, passed=passed, service=service, ends=(runner.END,)
        )
        run_to_the_end(serving)
        return
    try:
        supervisor.supervise(
            settings,
            again,
            environ=environ,
            passed=passed,
            service=service,
            ends=(runner.END,),
        )
    except supervisor.NotStarted as failed:
        raise Refused(str(failed)) from failed


def _status(work: Callable[[], None]) -> int:
    try:
        work()
    except Refused as refused:
        refused.show()
        return refused.exit_code
    return 0


def _of_the_app(environ: Mapping[str, str], port: int) -> dict[str, str]:
    """What the app gets: not the gateway's settings, among which are tokens, nor its place as a
    service.
    """
    ours = {variable(path) for path in FORMS} | {name + SUFFIX for name in HELD_IN_FILES}
    ours |= {*VARIABLES, *WEBHOOK}
    return {name: value for name, value in environ.items() if name not in ours} | {
        "PORT": str(port)
    }


def _free_port() -> int:
    for port in random.sample(PORTS, 100):
        with socket.socket() as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return port
    raise Refused("there is no free port for the app")

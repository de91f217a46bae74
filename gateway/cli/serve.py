"""``gateway serve``: the gateway itself, until it is told to stop."""

from __future__ import annotations

import errno
import os
from collections.abc import Coroutine
from pathlib import Path

import click
import uvloop

from gateway import app
from gateway.cli.configuration import DEFAULT, read_settings
from gateway.cli.failures import Refused
from gateway.cli.logs import log_level_option, log_to_stderr
from gateway.stores.base import StoreError


@click.command()
@click.option(
    "-c",
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="GATEWAY_CONFIG",
    help="The YAML file.  [GATEWAY_CONFIG; config.yaml if there is one, else no file]",
)
@log_level_option("info")
def serve(config: Path | None, log_level: str) -> None:
    """Serve: stand in front of the app and apply the flags.

    Stops on SIGTERM and Ctrl-C, once the requests in flight are answered. Exit status 2: the
    configuration is wrong (each error on a line of its own); 1: it cannot start.
    """
    if config is None and DEFAULT.is_file():
        config = DEFAULT
    settings = read_settings(config, os.environ)
    log_to_stderr(log_level)
    run(app.serve(settings))


def run(serving: Coroutine[object, object, None]) -> None:
    """Run to the end under uvloop; what keeps it from starting becomes one line."""
    try:
        uvloop.run(serving)
    except KeyboardInterrupt:
        return
    except (StoreError, OSError) as failed:
        raise Refused(_cause(failed)) from failed
    except BaseExceptionGroup as group:
        owned, bugs = group.split((StoreError, OSError))
        if owned is None or bugs is not None:
            raise
        raise Refused("; ".join(map(_cause, _leaves(owned)))) from group


def _cause(error: BaseException) -> str:
    if isinstance(error, StoreError):
        return f"the store cannot be used: {error}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"cannot listen: {error.strerror}: stop the other program, or choose another address"
    return f"cannot start: {error}"


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

"""Logging of a gateway that serves: plain lines on stderr, one a record."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable

import click

from gateway.telemetry.throttled_log import ThrottledLog

LEVELS = ("debug", "info", "warning", "error")


def log_level_option(default: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--log-level",
        type=click.Choice(LEVELS, case_sensitive=False),
        default=default,
        show_default=True,
        envvar="GATEWAY_LOG_LEVEL",
        help="The least that is logged.",
    )


class OneLine(logging.Formatter):
    """``2025-01-31 14:05:09 WARNING gateway.state: message``, no line breaks.

    The lines of one message, such as the errors of a YAML, are joined. Only a traceback (a bug)
    runs over several lines.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 logging's own name
        text = super().formatMessage(record).replace("\r", "\\r")
        return text.replace(":\n", ": ").replace("\n", "; ")


class Unraisable:
    """Instead of tracebacks on stderr for what any client can bring about.

    The ssl module decodes the server name of a handshake before anybody is asked about it, and
    has nobody to tell of one that is not ASCII. The handshake is refused.
    """

    def __init__(self) -> None:
        self._log = ThrottledLog(logging.getLogger("gateway.proxy"), time.monotonic)

    def __call__(self, found: sys.UnraisableHookArgs) -> None:
        if isinstance(found.exc_value, UnicodeDecodeError):
            self._log.warning("a TLS handshake was refused: the server name is not ASCII")
        else:
            sys.__unraisablehook__(found)


def log_to_stderr(level: str) -> None:
    """Send every log record of this level and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s", _TIME))
    # It tells of every file that stirs beside the YAML, which may be the log itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # a line an edit, and one more
    sys.unraisablehook = Unraisable()


_TIME = "%Y-%m-%d %H:%M:%S"

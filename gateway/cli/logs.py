"""Logging of a gateway that serves: plain lines on stderr, one a record."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping

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


class ForJournal(OneLine):
    """``<4>gateway.state: message``: systemd's journal has the time itself, and wants a priority.

    So ``journalctl --priority warning`` finds what is one (sd-daemon(3)).
    """

    def format(self, record: logging.LogRecord) -> str:
        level = next(rank for least, rank in _PRIORITIES if record.levelno >= least)
        lines = super().format(record).split("\n")  # of a traceback, each is an entry of its own
        return "\n".join(f"<{level}>{line}" for line in lines)


def leads_to_journal(environ: Mapping[str, str], descriptor: int) -> bool:
    """Whether systemd's journal reads what is written there, as it has said in JOURNAL_STREAM."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


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
    handler.setFormatter(_formatter())
    # It tells of every file that stirs beside the YAML, which may be the log itself.
    logging.getLogger("watchfiles").setLevel(logging.WARNING)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.getLogger("watchfiles").setLevel(logging.WARNING)  # a line an edit, and one more
    sys.unraisablehook = Unraisable()


def _formatter() -> OneLine:
    if leads_to_journal(os.environ, _STDERR):
        return ForJournal("%(name)s: %(message)s")
    return OneLine("%(asctime)s %(levelname)s %(name)s: %(message)s", _TIME)


_STDERR = 2
_PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
    (0, 7),
)
_TIME = "%Y-%m-%d %H:%M:%S"

"""The web server's own log, without what callers sent.

aiohttp reports a request that it cannot parse as an error with a traceback and the offending
bytes; those may be the very line that carries a token, and anybody can make them by the
thousand.
"""

from __future__ import annotations

import logging
from typing import Any

from aiohttp.http_exceptions import HttpProcessingError

LoggerAdapter = logging.LoggerAdapter[logging.Logger]


class ServerLog(LoggerAdapter):
    """Takes what aiohttp's server logs; of a bad request it keeps its kind and its sender."""

    def log(self, level: int, msg: object, *args: object, **more: Any) -> None:
        error = more.get("exc_info")
        if isinstance(error, HttpProcessingError):
            level, msg = logging.DEBUG, f"{msg}: {type(error).__name__}"
            more["exc_info"] = None
        super().log(level, msg, *args, **more)

    def debug(self, msg: object, *args: object, **more: Any) -> None:
        self.log(logging.DEBUG, msg, *args, **more)


def server_log() -> ServerLog:
    return ServerLog(logging.getLogger("gateway.control.server"))

"""What can go wrong with an exchange, by owner: the client, or the app."""

from __future__ import annotations

from collections.abc import Sequence


class ClientError(Exception):
    """The client's request cannot be taken; ``status`` is what it is told.

    ``fields`` are those of a head that is refused that say what the client wants to read.
    """

    fields: Sequence[tuple[bytes, bytes]] = ()

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail


class AppError(Exception):
    """The app gave no answer that makes sense: 502, or 504 when it took too long.

    ``detail`` is for the log: addresses and errors of the system are the operator's business.
    Visitors are told ``public``.
    """

    status = 502
    title = "Bad gateway"
    public = "The site cannot be reached just now, or gave no answer that makes sense."
    field = b""  # of the answer, as a line

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class AppTimeoutError(AppError):
    """The app did not take the connection, or did not answer, in time."""

    status = 504
    title = "Gateway timeout"
    public = "The site took too long to answer."


class AppStartingError(AppError):
    """It was started together with the gateway, and takes no connections yet."""

    status = 503
    title = "Starting"
    public = "The site is starting. Please try again in a moment."
    field = b"X-Maintenance-Starting: 1\r\n"


class LeaseOutError(AppError):
    """Not the app's fault: by now the request might be one that a strict flag holds."""

    status = 503
    title = "Service unavailable"


class FramingError(Exception):
    """A body's framing is broken. Whose body it is, the caller knows."""


def bad_request(detail: str) -> ClientError:
    return ClientError(400, "Bad request", detail)

"""What a request's body may weigh, and how slowly it may come.

Theory of operation. A deadline that every byte moves lets a client hold the app for ever with a
byte a minute. So nothing that comes moves it: when it passes, what has come since it was set
decides whether the body gets as long again. That costs nothing while the bytes flow.
"""

from __future__ import annotations

from gateway.config.settings import Limits, Settings, Timeouts
from gateway.proxy.wire.errors import ClientError
from gateway.proxy.wire.request import RequestHead


def check_size(size: int, limits: Limits) -> None:
    """Raises ClientError."""
    limit = limits.body_bytes
    if limit is not None and size > limit:
        raise ClientError(413, "Content too large", f"bodies end at {limit} bytes here")


def patience(timeouts: Timeouts, request: RequestHead | None, received: int) -> float:
    """Seconds until the body's pace is looked at.

    A client that expects 100 sends nothing before it; until then it is the app that is slow.
    """
    if not received and request is not None and request.block.expects_continue:
        return max(timeouts.body, timeouts.response)
    return timeouts.body


def fast_enough(received: int, settings: Settings) -> bool:
    """Whether so many bytes of payload since the last look are enough to go on."""
    return received >= max(1, settings.limits.body_rate * settings.timeouts.body)

"""Why a gateway cannot start, said to whoever started it."""

from __future__ import annotations

import errno

from gateway.stores.base import StoreError


def start_failure(error: BaseException) -> str | None:
    """Why it cannot start, in one line; None: the error is a bug, not a cause."""
    if isinstance(error, BaseExceptionGroup):
        owned, bugs = error.split((StoreError, OSError))
        if owned is None or bugs is not None:
            return None
        return "; ".join(filter(None, map(start_failure, _leaves(owned))))
    if isinstance(error, StoreError):
        return f"the store cannot be used: {error}"
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return f"cannot listen: {error.strerror}: stop the other program, or choose another address"
    return f"cannot start: {error}" if isinstance(error, OSError) else None


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    leaves: list[BaseException] = []
    for error in group.exceptions:
        leaves += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return leaves

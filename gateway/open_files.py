"""How many files this process may have open, for as many connections as are configured."""

from __future__ import annotations

import logging
import resource
from contextlib import suppress

_EACH = 2  # a connection of a client, and one to the app
_SPARE = 600  # sockets that listen, the store, and up to 500 connections to the control API

_log = logging.getLogger("gateway")


def make_room(connections: int, *, tell: bool = True) -> None:
    """Raise the soft limit, as far as the hard one lets, for so many connections of clients.

    A usual ``ulimit -n`` is 1024 with a hard limit far above. Where that is too little, too,
    ``tell`` says so in the log: what comes beyond it waits or is closed, and the app cannot be
    reached for it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _EACH * connections + _SPARE
    if soft != resource.RLIM_INFINITY and soft < wanted:
        raised = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with suppress(OSError, ValueError):  # some systems have a lower limit beside the hard one
            resource.setrlimit(resource.RLIMIT_NOFILE, (raised, hard))
            soft = raised
    if tell and soft != resource.RLIM_INFINITY and soft < _EACH * connections:
        _log.warning(
            "only %d files may be open (ulimit -n), and limits.connections: %d needs %d, one to "
            "the client and one to the app each: about %d connections at once are possible",
            soft,
            connections,
            _EACH * connections,
            max(soft - _SPARE, 0) // _EACH,
        )

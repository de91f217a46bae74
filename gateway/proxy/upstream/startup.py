"""Waits for an app that was started together with the gateway.

Until it takes connections it is starting, and no longer: an app that is down later is an error.
"""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.proxy.plane import DataPlane

# Seconds between two looks. A connection that is refused costs next to nothing.
FIRST_LOOK, LAST_LOOK = 0.05, 0.5
LATE = 30.0  # seconds; Heroku, say, would have given up after 60

log = logging.getLogger("gateway.proxy")


async def await_app(plane: DataPlane) -> None:
    """Look until the app can be reached, and say so; once, too, that it takes long."""
    pause, late = FIRST_LOOK, plane.time() + LATE
    while (connection := await plane.connector.knock()) is None:
        if plane.time() >= late:
            late = math.inf
            log.warning(
                "the app takes no connections on %s yet, and visitors see the start-up page: "
                "does it listen on the port in its PORT?",
                plane.settings.upstream,
            )
        await asyncio.sleep(pause)
        pause = min(2 * pause, LAST_LOOK)
    plane.app_starts = False
    connection.release(plane.time())
    log.info("the app takes connections")

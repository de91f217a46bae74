"""The YAML beside the state that holds: read anew with each edit, and taken in if it is valid.

An edit that is wrong changes nothing, and what is wrong with it stays to be seen until it is
mended. One that the store cannot take waits (``WaitingEdit``), and a later one takes its place.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing

from gateway.config import ConfigError, ConfigErrors
from gateway.state.definitions import Definitions, load_anew, retriggered, unexpected, watched
from gateway.state.waiting_edit import WaitingEdit
from gateway.state.watcher import edits
from gateway.stores.base import StoreError

_log = logging.getLogger("gateway.state")


class YamlFollower:
    """``running`` are the definitions that hold now; ``take_in`` has others hold, in a ``turn``.

    ``errors`` are those of the last edit (none once mended), ``read_at`` is when it was last read
    and found valid (``clock``: seconds since the epoch). ``environ`` is what ``${NAME}`` in the
    YAML is taken from.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        running: Callable[[], Definitions],
        turn: asyncio.Lock,
        take_in: Callable[[Definitions], Awaitable[None]],
        clock: Callable[[], float],
    ) -> None:
        self.read_at = clock()
        self.errors: tuple[ConfigError, ...] = ()
        self.waiting = WaitingEdit()
        self._notices: tuple[ConfigError, ...] = ()
        self._environ = environ
        self._running = running
        self._turn = turn
        self._take_in = take_in
        self._clock = clock

    @property
    def notices(self) -> tuple[ConfigError, ...]:
        """What of the last edit needs a restart, or that all of it waits for the store."""
        return (*self._notices, *self.waiting.notices(self._running().settings.path))

    async def follow(self) -> None:
        """Take in each edit, for as long as this runs."""
        first = watched(self._running().settings)[0]
        changes = edits(first, lambda: watched(self._running().settings, self.errors))
        async with aclosing(changes):
            async for _ in changes:
                await self.reload()

    async def load(self) -> Definitions:
        """What the YAML says now. Raises ``ConfigErrors``."""
        # On another thread: 1,000 flags take a second, for which no request should wait.
        return await asyncio.to_thread(load_anew, self._running().settings, self._environ)

    async def retriggered(self) -> Definitions | None:
        """What holds now, with its trigger files read anew; None: they say the same."""
        return await asyncio.to_thread(retriggered, self._running())

    async def reload(self) -> None:
        """Read it anew, and take in what can be."""
        try:
            self._accept(await self.load())
        except ConfigErrors as errors:
            self._refuse(errors)
            self.waiting.put(await self.retriggered())  # those files have no part in it
        await self.take_in_waiting()

    async def take_in_waiting(self) -> None:
        """Try the edit that waits, if it is due."""
        async with self._turn:
            if (definitions := self.waiting.due()) is None:
                return
            try:
                await self._take_in(definitions)
            except StoreError:  # it is reported, and tried again
                self.waiting.failed()
            except Exception as error:  # noqa: BLE001 whatever it is, the YAML is followed on
                self._refuse(unexpected(self._running().settings.path, error))
            else:
                self.waiting.taken(definitions)

    def _accept(self, new: Definitions) -> None:
        self.read_at = self._clock()
        if self.errors:
            self.errors = ()
            _log.warning("the YAML is valid again")
        self._notices = new.notices
        for notice in new.notices:
            _log.warning("%s", notice)
        self.waiting.put(new if new.settings != self._running().settings else None)

    def _refuse(self, errors: ConfigErrors) -> None:
        self.waiting.put(None)
        self.errors = errors.errors
        cause = errors.__cause__  # of a bug: the person who wrote the YAML has no use for others
        _log.warning("the YAML is invalid, so nothing was changed:\n%s", errors, exc_info=cause)

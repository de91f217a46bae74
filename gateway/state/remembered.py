"""Which flags the YAML last had on, kept in the store: what an edit while no gateway ran came to.

Platforms take a new configuration in with a restart, so that no process has seen the one before.
It is kept beside the state, after it: a process that is killed in between is followed by one that
knows of no edit, and a flag's own state is not touched by any of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from gateway.core.flags import Flag, FlagState
from gateway.core.standing import armed
from gateway.state.definitions import Definitions
from gateway.stores.base import Store, StoreError

KIND, KEY = "yaml", "on"


class Remembered:
    """What is kept in one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def before(self, running: Definitions, *, first: bool) -> Mapping[str, Flag]:
        """The flags as they were before an edit: those ``running``, or at the ``first`` load of
        this process those that the store's last YAML had on. Raises ``StoreError``."""
        if not first:
            return running.flags
        stored = await self._store.read()
        for record in await self._store.records(KIND):
            on = record.document.get("on")
            if record.document.get("digest") == stored.config_digest and isinstance(on, list):
                return _as_they_were(running.flags, frozenset(map(str, on)))
        return running.flags

    async def note(self, taken_in: Definitions) -> None:
        """These are what the store has by now."""
        on = [name for name, flag in taken_in.flags.items() if _is_on(flag)]
        with suppress(StoreError):  # an edit that is taken in has been taken in
            await self._store.put(KIND, KEY, {"digest": taken_in.digest, "on": on})


def _is_on(flag: Flag) -> bool:
    return flag.trigger.on if flag.trigger is not None else armed(flag.state)


def _as_they_were(flags: Mapping[str, Flag], on: frozenset[str]) -> Mapping[str, Flag]:
    known = {name: _switched(flag, on=name in on) for name, flag in flags.items()}
    gone = {name: Flag(name, FlagState(enabled=True)) for name in on if name not in flags}
    return {**known, **gone}


def _switched(flag: Flag, *, on: bool) -> Flag:
    if flag.trigger is not None:
        return replace(flag, trigger=replace(flag.trigger, on=on))
    written = flag.state.written | {"enabled"}
    return replace(flag, state=replace(flag.state, enabled=on, written=written))

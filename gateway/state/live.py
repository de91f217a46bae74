"""The state that holds now: the YAML, the overrides in the store, and the time, as one value.

Theory of operation. ``snapshot`` is swapped whole and read without a lock by every request.
All that may change it takes one turn after another (``_turn``): a flip, an edit of the YAML
or a lift writes to the store first and is swapped in before its turn ends; a read of the store
swaps in what it finds. So no reader ever sees new overrides beside old flags.

Three tasks run beside the callers (``followers``). One follows the YAML, one the store's push;
one waits for the first flag's TTL to run out, for the next lift, for what a window changes next
and, after a failure, for the next try. What time alone does is written to the store by whoever
notices first (``settle``), so that it has a revision that drains can rely on.

When the store cannot be reached, the last known state goes on holding (fail-static), flips
fail, and an edit of the YAML waits. Strict flags are the exception: once this member's lease is
out, ``current()`` is the *fenced* snapshot, in which they hold all of their scope. A store of
another epoch, or a lower revision than one seen, has lost flips: each flag is then as the stricter
of both states has it, nothing is acknowledged, and flips are refused, until it is past that.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial

from gateway.config import ConfigError, ConfigErrors, Settings
from gateway.core.overrides import Patch, flipped, with_users
from gateway.core.snapshot import Snapshot, fence
from gateway.state.alarm import Alarm
from gateway.state.definitions import Definitions, define, renewed, watched
from gateway.state.edits import (
    Act,
    RevisionMoved,
    Step,
    change_override,
    keep_time,
    revoke,
    take_in,
)
from gateway.state.followers import Followers
from gateway.state.history import has_lost, lost
from gateway.state.lease import Lease
from gateway.state.present import Present
from gateway.state.reach import Reach
from gateway.state.remembered import Remembered
from gateway.state.shared_read import SharedRead
from gateway.state.ttl import Freshness
from gateway.state.yaml_follower import YamlFollower
from gateway.stores.base import AuditEntry, Edit, Store, StoredState, StoreError

__all__ = ["LiveState", "RevisionMoved", "UnknownFlag"]

LEAST_WAIT, MOST_WAIT = 0.02, 30.0  # seconds; the most because the wall clock may be set

_log = logging.getLogger("gateway.state")

Listener = Callable[[Snapshot], None]


class UnknownFlag(LookupError):  # noqa: N818 an answer to a caller, as LookupError's own kinds
    """No flag of that name is in the YAML."""


class LiveState:
    """The current snapshot, and every way to change it.

    ``settings`` are as last validly loaded, ``reach`` tells whether the store is reached and
    believed, ``followers`` what goes on beside the callers and may fail. ``clock`` is seconds
    since the epoch, ``monotonic`` never goes back, ``environ`` is what ``${NAME}`` in the YAML is
    taken from.
    """

    snapshot: Snapshot

    def __init__(
        self,
        settings: Settings,
        store: Store,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] | None = None,
        lease: Lease | None = None,
        followers: Followers | None = None,
    ) -> None:
        self.settings = settings
        self.reach = Reach()
        self.followers = followers or Followers()
        self._store = store
        self._clock = clock
        self._monotonic = monotonic
        self._lease = lease or Lease()
        self._leased = lease is not None
        self._fenced: Snapshot | None = None  # none without a lease or a strict flag
        self._stored = StoredState(0, {})
        self._present = Present(clock)
        self._remembered = Remembered(store)
        self._lost: StoredState | None = None  # what a store shows that has lost history
        self._definitions = define(settings)
        self._freshness = Freshness(monotonic)
        self._turn = asyncio.Lock()
        self._yaml = YamlFollower(
            os.environ if environ is None else environ,
            lambda: self._definitions,
            self._turn,
            self._take_in_edit,
            clock,
        )
        self._woken = Alarm()
        self._shared_read = SharedRead(self._read)
        self._listeners: list[Listener] = []

    async def start(self) -> None:
        """Open the store and take the settings in. Raises ``StoreError``: nothing is served."""
        await self._store.open()
        try:
            await self._take_in(await self._yaml.retriggered() or self._definitions)
        except StoreError:
            await self._store.close()
            raise
        self.followers.start("following the store", self._follow_store)
        self.followers.start("keeping up with time", self._keep_up)
        if await asyncio.to_thread(renewed, self.settings):
            await self._yaml.reload()  # a worker that is started late serves no old certificate
        if watched(self.settings):
            self.followers.start("following the YAML", self._yaml.follow)

    async def close(self) -> None:
        """Stop following, and let go of the store. Idempotent."""
        await self.followers.close()
        await self._shared_read.close()
        await self._store.close()

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener`` synchronously at each swap; what is returned ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def current(self) -> Snapshot:
        """What a request is decided by: ``snapshot``, fenced once the lease has run out."""
        if self._fenced is not None and self._lease.out():
            return self._fenced
        return self.snapshot

    async def fresh(self) -> Snapshot:
        """The current state by a read begun after this call, or the last known if that fails."""
        await self._shared_read()
        return self.current()

    @property
    def epoch(self) -> str:
        """The history of the store that ``snapshot`` is of."""
        return self._stored.epoch

    @property
    def store_error(self) -> str | None:
        """Why the store was not reached or believed last time."""
        return self.reach.error

    @property
    def history_lost(self) -> bool:
        return self._lost is not None

    @property
    def config_errors(self) -> tuple[ConfigError, ...]:
        """Of the last edit of the YAML; none once they are mended."""
        return self._yaml.errors

    @property
    def config_read_at(self) -> float:
        """When the YAML was last read and found valid, in seconds since the epoch."""
        return self._yaml.read_at

    @property
    def edit_waits(self) -> bool:
        """An edit of the YAML is valid, but the store has not taken it yet."""
        return self._yaml.waiting.waits

    @property
    def config_notices(self) -> tuple[ConfigError, ...]:
        """What of the last edit needs a restart, or that all of it waits for the store."""
        return self._yaml.notices

    @property
    def definitions(self) -> str:
        """The digest of the YAML's flags and exemptions, as they are in ``snapshot``."""
        return self._definitions.digest

    @property
    def acknowledged(self) -> int | None:
        """The revision served here just as the store has it, so that others may rely on it.

        None while history is lost, or the store has taken in another YAML than this member.
        """
        same = self._stored.config_digest == self.definitions
        return self.snapshot.revision if same and not self.history_lost else None

    async def flip(
        self,
        flag: str,
        patch: Patch,
        *,
        by: str,
        if_match: int | None = None,
        guard: str | None = None,
    ) -> Snapshot:
        """Change a flag's override: durable, and swapped in, before this returns.

        ``guard`` is the id of the guard that does it, for the audit.

        Raises ``UnknownFlag``, ``PatchError`` (a key that this kind of flag has not),
        ``RevisionMoved`` and ``StoreError``; then nothing has changed.
        """
        act = Act(by, "flip", self._clock(), patch.reason, if_match, guard)
        return await self._change(flag, partial(flipped, patch=patch, now=act.at, by=by), act)

    async def change_users(  # noqa: PLR0913 each is a word of the caller
        self,
        flag: str,
        *,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        by: str,
        reason: str = "",
        if_match: int | None = None,
        lasts: float | None = None,
        guard: str | None = None,
    ) -> Snapshot:
        """Add (for ``lasts`` seconds) and remove users of a per-user flag. Raises as ``flip``."""
        act = Act(by, "users", self._clock(), reason, if_match, guard)
        users = partial(with_users, add=add, remove=remove, lasts=lasts)
        step = partial(users, now=act.at, by=by, reason=reason)
        return await self._change(flag, step, act)

    async def reset(
        self, flag: str, *, by: str, reason: str = "", if_match: int | None = None
    ) -> Snapshot:
        """Back to what the YAML says; idempotent. Raises as ``flip``."""
        act = Act(by, "reset", self._clock(), reason, if_match)
        return await self._change(flag, lambda _flag, _current: None, act)

    async def revoke_passes(
        self, flag: str, one: str | None, *, by: str, reason: str = "", if_match: int | None = None
    ) -> Snapshot:
        """Make one pass of a flag, or all up to now, worth nothing.

        Raises ``PatchError`` (too many, one by one), ``RevisionMoved`` and ``StoreError``.
        """
        act = Act(by, "revoke", self._clock(), reason, if_match)
        async with self._turn:
            await self._update(revoke(flag, one, act, self._stored))
            return self.snapshot

    async def audit(self, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
        """The newest entries first, those before the ``id`` given. Raises ``StoreError``."""
        return await self._store.audit(limit, before)

    async def record(self, entry: AuditEntry) -> None:
        """Note something that changed no flag. Raises ``StoreError``."""
        await self._store.record(entry)

    async def _change(self, name: str, step: Step, act: Act) -> Snapshot:
        async with self._turn:
            flag = self._definitions.flags.get(name)
            if flag is None:
                raise UnknownFlag(name)
            await self._update(change_override(flag, step, act, self._stored))
            return self.snapshot

    async def settle(self) -> None:
        """Do what is due by the clock, and have it written down, if the store can be reached."""
        async with self._turn:
            before, now = self.snapshot, self._present.now()
            if min(self._unwritten(now), before.changes_at - now) > 0:
                return
            definitions = self._definitions
            edit = keep_time(definitions.flags, definitions.digest, now, self._stored)
            try:
                await self._update(edit)
            except StoreError:  # what was known to begin or end at this time still does
                self.reach.unsettled()
            else:
                self.reach.settled()
            if self.snapshot is before and before.changes_at <= now:
                self._swap(self._stored, definitions)

    # Within a turn

    async def _update(self, edit: Edit, definitions: Definitions | None = None) -> None:
        # Writes, then swaps in what the store holds now, beside the definitions that go with it.
        started, renewals = self._monotonic(), self._lease.renewals
        try:
            stored = await self._store.update(edit)
        except StoreError as error:
            self._failed(error)
            raise
        self._reached(stored, started, definitions)
        self._lease.loaded(renewals)

    async def _read(self) -> None:
        async with self._turn:
            started, renewals = self._monotonic(), self._lease.renewals
            try:
                stored = await self._store.read()
            except StoreError as error:
                self._failed(error)
                return
            if has_lost(self._stored, stored):
                self._keep_both(stored)
            else:
                self._reached(stored, started, await self._of_another_yaml(stored))
                self._lease.loaded(renewals)

    def _keep_both(self, stored: StoredState) -> None:
        before, self._lost = self._lost, stored
        if before is None or before.overrides != stored.overrides:
            self._swap(self._stored, self._definitions)
        self._failed(lost(self._stored, stored))

    async def _take_in(self, new: Definitions) -> None:
        if new is not self._definitions and new.digest == self._definitions.digest:
            self._swap(self._stored, new)  # no flag has changed, so the store is not needed
        else:
            before = await self._remembered.before(self._definitions, first=not self._stored.epoch)
            edit = take_in(new.flags, new.digest, self._clock(), self._stored, before)
            await self._update(edit, new)
            await self._remembered.note(self._definitions)

    async def _take_in_edit(self, new: Definitions) -> None:
        await self._take_in(new)
        _log.info("the YAML was read: revision %d", self.snapshot.revision)

    async def _of_another_yaml(self, stored: StoredState) -> Definitions | None:
        # Another member has read another YAML: if our file says the same by now, both are taken.
        known = (self._definitions.digest, self._stored.config_digest)
        if stored.config_digest not in known and self.settings.path is not None:
            with suppress(ConfigErrors):
                loaded = await self._yaml.load()
                return loaded if loaded.digest == stored.config_digest else None
        return None

    def _reached(self, stored: StoredState, started: float, new: Definitions | None) -> None:
        self.reach.reached(tell=not self._yaml.waiting.put_off)
        found, self._lost = self._lost is not None, None
        if new is not None or found or stored.revision != self._stored.revision:
            self._swap(stored, new or self._definitions)
        ttls = {view.flag.name: view.state.ttl for view in self.snapshot.views}
        self._freshness.renew(ttls, started)

    def _failed(self, error: StoreError) -> None:
        self.reach.failed(error, tell=not self._yaml.waiting.put_off)
        self._woken.set()

    def _swap(self, stored: StoredState, definitions: Definitions) -> None:
        settings = definitions.settings
        snapshot = self._present.compiled(settings, stored, self._lost)
        self._stored, self._definitions = stored, definitions
        if self._leased:
            self._fenced = fence(snapshot, allow=settings.allow)
        self.settings, self.snapshot = settings, snapshot
        self._woken.set()
        for listener in tuple(self._listeners):
            listener(snapshot)

    # The store and the time

    async def _follow_store(self) -> None:
        async for _ in self._store.changes():
            await self.fresh()

    async def _keep_up(self) -> None:
        while True:
            woken = await self._woken.within(self._delay())
            await self._yaml.take_in_waiting()
            if woken:
                continue
            await self.settle()
            if self.reach.retry or self._freshness.left() <= 0:
                await self.fresh()

    def _delay(self) -> float:
        now = self._clock()
        due = min(self._freshness.left(), max(self._unwritten(now), self.reach.pause))
        # What time does is not put off with the store: a window begins without it.
        alone = min(self._yaml.waiting.left(), self.snapshot.changes_at - now)
        return min(max(min(self.reach.retry or due, alone), LEAST_WAIT), MOST_WAIT)

    def _unwritten(self, now: float) -> float:
        # Seconds until the store has to be told what time has done.
        unsettled = self.snapshot.unsettled and self.acknowledged is not None
        return 0.0 if unsettled else self._stored.next_lift - now

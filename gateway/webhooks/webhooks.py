"""The webhooks of one member: told by it, if it is the one that tells.

Theory of operation. What happens is in the audit, which all members write to. One member of all
(``Teller``) reads it on from where each webhook has come to, and has a mailbox a webhook deliver in
order (``Mailbox``); whoever takes its place goes on there. Nothing of this is on a request's way:
a receiver that is slow or dead holds up its own mailbox alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gateway.config.settings import Settings, Webhook
from gateway.core.events import Event, Type
from gateway.core.flags import Flag
from gateway.state.forgotten import Forgotten
from gateway.state.live import LiveState
from gateway.state.membership import Membership
from gateway.state.waker import Waker
from gateway.stores.base import AuditEntry, Record, RecordMoved, Store, StoreError
from gateway.webhooks.mailbox import KIND, Mailbox, Office, Send, open_mailbox
from gateway.webhooks.message import Message, compose_message
from gateway.webhooks.outcome import Outcome
from gateway.webhooks.post import Post
from gateway.webhooks.teller import Teller
from gateway.webhooks.watch import Watch

LOOK = 2.0  # seconds between two looks at whether somebody tells, and at what nobody does
EVERY = 1.0  # seconds between two looks at the audit, if nothing wakes before
GAP = 0.2  # seconds at least
PATIENCE = 3.0  # seconds, for the tries under way when the gateway ends
PAGE = 50  # entries of the audit


_log = logging.getLogger("gateway.webhooks")


class UnknownWebhook(LookupError):  # noqa: N818 an answer to a caller
    """No webhook of that name is in the YAML."""


class _Over(Exception):  # noqa: N818 how a term ends
    """Another one tells."""


class Webhooks:
    """``count`` is told a webhook's name and what came of a try. Raises nothing but bugs.

    ``forgotten`` are the flags on for too long.
    """

    def __init__(
        self,
        store: Store,
        state: LiveState,
        membership: Membership,
        waker: Waker,
        *,
        forgotten: Callable[[], Sequence[Forgotten]],
        count: Callable[[str, str], None],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._state = state
        self._waker = waker
        self._count = count
        self._clock = clock
        self._boxes: Sequence[Mailbox] = ()
        self._ending = asyncio.Event()
        self._idle = asyncio.Event()
        self._read: int | None = None  # the last entry before the edit that ended its last term
        self._forgotten = False  # where nobody is told: how far those were who were told before
        self._teller = Teller(store, membership)
        self._watch = Watch(
            store,
            self._teller,
            membership,
            forgotten,
            lambda: state.snapshot.revision,
            clock=clock,
        )

    @property
    def all(self) -> tuple[Webhook, ...]:
        return self._state.settings.webhooks

    async def run(self) -> None:
        """Tell for as long as this member is the one that does, until cancelled."""
        while not self._ending.is_set():
            with suppress(StoreError):
                if self.all:
                    self._forgotten = False
                    if await self._teller.claim():
                        await self._term()
                    else:
                        self._read = None
                elif not self._forgotten:
                    self._read = None
                    await self._forget()
                    self._forgotten = True
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._ending.wait()
        self._idle.set()
        await asyncio.Event().wait()  # until cancelled

    async def end(self) -> None:
        """Tell no more, once the tries under way have ended, if that is soon. Before ``run`` is
        cancelled: a message whose answer nobody waits for would come once more, from the next."""
        self._ending.set()
        for box in self._boxes:
            box.end()
        self._waker.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._idle.wait()

    async def records(self) -> Mapping[str, Record]:
        """How far each webhook is, by name. Raises ``StoreError``."""
        return {each.key: each for each in await self._store.records(KIND)}

    async def test(self, name: str, by: str) -> tuple[Event, Outcome]:
        """Send a message of nothing, now and from here, once. Raises ``UnknownWebhook``."""
        webhook = next((each for each in self.all if each.name == name), None)
        if webhook is None:
            raise UnknownWebhook(name)
        revision = self._state.snapshot.revision
        identifier = f"evt_test_{secrets.token_hex(8)}"
        event = Event(Type.TEST, identifier, self._clock(), by, revision=revision)
        async with Post(self._clock) as post:
            return event, await post.send(webhook, compose_message(event, webhook))

    async def _forget(self) -> None:
        # Webhooks that come back do not begin where the others ended. Where another member has
        # some, it is not asked.
        found = await self.records()
        if found and await self._teller.claim():
            for name in found:
                await self._store.drop(KIND, name)
            await self._teller.release()  # to one that has some

    # A term of this member's

    async def _term(self) -> None:
        settings = self._state.settings
        if not settings.webhooks:  # any more
            return
        try:
            async with Post(self._clock) as post, asyncio.TaskGroup() as tasks:
                self._boxes = boxes = await self._open(settings, post)
                self._read = None
                for box in boxes:
                    tasks.create_task(box.run())
                watching = tasks.create_task(self._keep_watching())
                self._read = await self._keep_reading(boxes, settings)
                watching.cancel()
                for box in boxes:
                    box.end()
        except* (_Over, RecordMoved, StoreError):
            pass  # the next claim says who goes on

    async def _open(self, settings: Settings, post: Post) -> list[Mailbox]:
        newest = await self._store.audit(1)
        office = Office(
            self._store,
            self._sender(post),
            self._flag,
            self._state.epoch,
            self._count,
            clock=self._clock,
        )
        last = newest[0].id if newest else 0
        for name in await self.records():
            if all(each.name != name for each in settings.webhooks):
                await self._store.drop(KIND, name)
        since = None if self._read is None else min(self._read, last)  # an edit has brought it
        return [await open_mailbox(each, last, office, since) for each in settings.webhooks]

    def _sender(self, post: Post) -> Send:
        async def send(webhook: Webhook, message: Message) -> Outcome:
            if not self._teller.may:
                raise _Over
            return await post.send(webhook, message)

        return send

    async def _keep_reading(self, boxes: Sequence[Mailbox], settings: Settings) -> int | None:
        """Until the webhooks are others, or the end; returns the last entry before that."""
        read, seen = min(box.position for box in boxes), self._waker.count
        last = None  # until the first look
        while True:
            entries = await self._since(read)
            if self._state.settings.webhooks != settings.webhooks or self._ending.is_set():
                return last
            if entries and entries[0].id > read + 1 and read:
                lost = entries[0].id - read - 1
                _log.error("%d entries were pushed out of the audit before they were told", lost)
            for box in boxes:
                box.offer(entries)
            last = read = entries[-1].id if entries else read
            await asyncio.sleep(GAP)
            seen = await self._waker.after(seen, EVERY)

    async def _since(self, position: int) -> list[AuditEntry]:
        """The entries after an id, oldest first."""
        found: list[AuditEntry] = []
        before: int | None = None
        while True:
            page = await self._store.audit(PAGE, before)
            if before is None and (page[0].id if page else 0) < position:
                raise _Over  # the store has lost the last ones: each mailbox begins anew
            found += [entry for entry in page if entry.id > position]
            if len(page) < PAGE or page[-1].id <= position:
                return found[::-1]
            before = page[-1].id

    async def _keep_watching(self) -> None:
        while True:
            if not (self._teller.may and await self._watch.look() and await self._teller.still()):
                raise _Over
            await asyncio.sleep(LOOK)

    def _flag(self, name: str) -> tuple[Flag, str] | None:
        view = self._state.snapshot.view(name)
        return None if view is None else (view.flag, view.state.mode.value)

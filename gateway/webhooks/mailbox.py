"""One webhook's messages: in order, each until it is delivered or given up.

How far they have come is kept in the store after each: whoever tells next goes on there. So what
was sent and not noted, because its sender was killed in between, is sent once more with the same
id, and nothing is lost that the audit still has.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass

from gateway.config.settings import Webhook
from gateway.core.events import Event
from gateway.state.alarm import Alarm
from gateway.stores.base import MOST_AUDIT_ENTRIES, AuditEntry, Record, Store
from gateway.webhooks.message import Message, compose_message
from gateway.webhooks.outcome import Outcome, Verdict, pause
from gateway.webhooks.reading import Flags, Told, next_told

KIND = "webhooks"
QUIET, LONGEST = 2.0, 30.0  # seconds without more users until they are told of, and at most
SAVE = 5.0  # seconds between two notes of how far it is, where nothing was sent

_log = logging.getLogger("gateway.webhooks")

Send = Callable[[Webhook, Message], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class Office:
    """What all mailboxes are given. ``flags`` tells of flags, ``epoch`` is the store's.

    ``count`` is told the webhook's name and what came of a try. ``clock`` is seconds since the
    epoch, ``monotonic`` never goes back; ``sleep`` is asyncio's.
    """

    store: Store
    send: Send
    flags: Flags
    epoch: str
    count: Callable[[str, str], None] = lambda _name, _outcome: None
    clock: Callable[[], float] = time.time
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


def address_of(webhook: Webhook) -> str:
    """What is another for another address or secret, and tells neither."""
    text = "\n".join((webhook.url, webhook.secret or ""))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Mailbox:
    """``record`` is how far it was; ``offer`` it what the audit has had since."""

    def __init__(self, webhook: Webhook, record: Record, office: Office) -> None:
        self._webhook = webhook
        self._office = office
        self._record = record
        self._entries: deque[AuditEntry] = deque()
        self._offered = self.position = _whole(record.document, "position")
        self._failures = _whole(record.document, "failures")
        self._woken = Alarm()
        self._end = asyncio.Event()
        self._grown = 0.0  # by the monotonic clock: when more was offered last
        self._saved = 0.0

    @property
    def gone(self) -> bool:
        """Its receiver has said that nothing more is wanted."""
        return bool(self._record.document.get("gone"))

    def offer(self, entries: Iterable[AuditEntry]) -> None:
        """More of the audit, oldest first; what it has had already is passed over."""
        for entry in entries:
            if entry.id > self._offered:
                self._offered = entry.id
                self._entries.append(entry)
                self._grown = self._office.monotonic()
        while len(self._entries) > MOST_AUDIT_ENTRIES:  # nor has the audit the others any more
            self._entries.popleft()
        if self._entries:
            self._woken.set()

    def end(self) -> None:
        """Have ``run`` return once the try under way has ended."""
        self._end.set()
        self._woken.set()

    async def run(self) -> None:
        """Tell, until ``end``. Raises ``StoreError``, and ``RecordMoved``: another one tells."""
        while not self._end.is_set():
            await self._woken.within(None)
            began = self._office.monotonic()
            while self._entries and not self._end.is_set():
                told = next_told(
                    self._entries, self._webhook, self._office.flags, self._office.epoch
                )
                if told.open and (left := self._quiet_in(began)) > 0:
                    await self._woken.within(left)
                    continue
                await self._settle(told)
                began = self._office.monotonic()

    def _quiet_in(self, began: float) -> float:
        now = self._office.monotonic()
        return min(self._grown + QUIET, began + LONGEST) - now

    async def _settle(self, told: Told) -> None:
        if told.event is not None and not self.gone:
            await self._deliver(told.event, told.last)
            return
        self._pass(told.last)
        if self._office.monotonic() - self._saved >= SAVE:
            await self._save({})

    def _pass(self, last: int) -> None:
        while self._entries and self._entries[0].id <= last:
            self._entries.popleft()
        self.position = last
        lost = self._entries[0].id - last - 1 if self._entries else 0
        if lost:
            name = self._webhook.name
            _log.error("webhook %s: %d entries of the audit were too many to wait", name, lost)

    async def _deliver(self, event: Event, last: int) -> None:
        message = compose_message(event, self._webhook)
        latest = self._latest(event)
        wait = pause(self._failures, self._office.chance) if self._failures else 0.0
        while not (wait and await self._ended_within(wait)):
            outcome = await self._office.send(self._webhook, message)
            wait = self._wait(outcome)
            if wait and self._office.monotonic() + wait > latest:
                wait = 0.0
                self._given_up(event, outcome)
            elif not wait:
                self._office.count(self._webhook.name, outcome.verdict.value)
            if not wait:
                self._pass(last)
            await self._note(event, outcome)
            if not wait:
                return

    def _latest(self, event: Event) -> float:
        """The last moment for a try, on the monotonic clock: the other one may be set."""
        age = max(0.0, self._office.clock() - event.at)
        return self._office.monotonic() + self._webhook.retry_for - age

    async def _ended_within(self, seconds: float) -> bool:
        sleeping = asyncio.ensure_future(self._office.sleep(seconds))
        ending = asyncio.ensure_future(self._end.wait())
        try:
            await asyncio.wait((sleeping, ending), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in (sleeping, ending):
                each.cancel()
        return self._end.is_set()

    def _wait(self, outcome: Outcome) -> float:
        """Seconds until the next try; 0: there is none."""
        match outcome.verdict:
            case Verdict.DELIVERED:
                if self._failures:
                    _log.warning("webhook %s is reached again", self._webhook.name)
                self._failures = 0
                return 0.0
            case Verdict.RETRY:
                self._failures += 1
                if self._failures == 1:
                    _log.warning("webhook %s: %s; tried again", self._webhook.name, outcome.error)
                self._office.count(self._webhook.name, Verdict.RETRY.value)
                return max(pause(self._failures, self._office.chance), outcome.wait)
            case Verdict.REFUSED | Verdict.GONE:
                _log.error("webhook %s: %s", self._webhook.name, outcome.error)
                return 0.0

    def _given_up(self, event: Event, outcome: Outcome) -> None:
        self._office.count(self._webhook.name, "given_up")
        _log.error(
            "webhook %s: %s of %s was given up: %s",
            self._webhook.name,
            event.type.value,
            event.flag or "the gateway",
            outcome.error,
        )

    async def _note(self, event: Event, outcome: Outcome) -> None:
        told = {
            "type": event.type.value,
            "id": event.id,
            "at": self._office.clock(),
            "outcome": outcome.verdict.value,
            "error": outcome.error,
        }
        await self._save({"last": told, "gone": outcome.verdict is Verdict.GONE})

    async def _save(self, more: Mapping[str, object]) -> None:
        self._saved = self._office.monotonic()
        document = {
            **self._record.document,
            **more,
            "position": self.position,
            "failures": self._failures,
        }
        name, beat = self._webhook.name, self._record.beat
        self._record = await self._office.store.put(KIND, name, document, expect=beat)


async def open_mailbox(
    webhook: Webhook, newest: int, office: Office, since: int | None = None
) -> Mailbox:
    """The mailbox as it was left; a new one begins after ``since``, an entry of the audit.

    None: after the ``newest``, and so does one of another store than it was of. Raises
    ``StoreError`` and ``RecordMoved``.
    """
    found = {each.key: each for each in await office.store.records(KIND)}.get(webhook.name)
    known = {} if found is None else dict(found.document)
    if found is None and since is not None:
        known = {"epoch": office.epoch, "position": since}
    if known.get("epoch") != office.epoch or _whole(known, "position") > newest:
        known |= {"epoch": office.epoch, "position": newest}
    if known.get("address") != address_of(webhook):
        known |= {"address": address_of(webhook), "gone": False, "failures": 0}
    beat = 0 if found is None else found.beat
    if found is not None and known == found.document:
        return Mailbox(webhook, found, office)
    record = await office.store.put(KIND, webhook.name, known, expect=beat)
    return Mailbox(webhook, record, office)


def _whole(document: Mapping[str, object], key: str) -> int:
    found = document.get(key)
    return found if isinstance(found, int) else 0

"""The guard's record in the gateway: a lease that says who guards what, and that they live.

One record is for a flag and one user, or for a flag and all a list's users. It keeps what has
to be put back at the end, so that whoever guards the flag next knows it too.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.cli.client import Client, Document
from gateway.cli.failures import Failure, Refused
from gateway.cli.guard.failures import GuardFailed, Status
from gateway.cli.wording import ago, clock_time

BEAT = 3.0  # seconds between heartbeats; the lease is five of them
LONGEST_COMMAND = 500  # characters of it that are kept
LONGEST_MESSAGE = 500


@dataclass(frozen=True, slots=True)
class Claim:
    """What is to be guarded, and what for. ``user`` None: the flag, for everybody it names."""

    flag: str
    user: str | None
    command: str
    take_over: bool = False

    @property
    def what(self) -> str:
        return self.flag if self.user is None else f"{self.flag} for {self.user}"


class GuardRecord:
    """Held from ``acquire`` to ``release``; a thread keeps it alive in between.

    ``lost`` says who has it by now, where it was taken away. ``look`` is asked with each
    heartbeat for what there is to say besides; it must not raise.
    """

    def __init__(
        self, client: Client, claim: Claim, look: Callable[[], Mapping[str, object]] = dict
    ) -> None:
        self.owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(8)}"
        self.lost: str | None = None
        self._client = client.keeping()
        self._claim = claim
        self._look = look
        self._lock = threading.Lock()
        self._says: dict[str, Any] = {"state": "arming"}
        self._end: dict[str, object] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def acquire(self) -> Document:
        """The record, which may hold what an abandoned one has left to be put back.

        Raises ``GuardFailed`` (guarded by somebody else), ``Refused``, ``Unreachable``.
        """
        claim = self._claim
        document = {
            "owner": self.owner,
            "command": claim.command[:LONGEST_COMMAND],
            "host": socket.gethostname(),
            **({"user": claim.user} if claim.user is not None else {}),
            **({"take_over": True} if claim.take_over else {}),
        }
        try:
            answer = self._client.call("POST", "flags", claim.flag, "guards", document=document)
        except Refused as refused:
            self._client.close()
            if refused.status == 409 and (holder := _holder(refused.body)):
                raise GuardFailed(Status.GUARDED, _guarded(holder)) from refused
            raise
        self._thread.start()
        return answer.document

    def say(self, **says: object) -> None:
        """Has the record say this too, with its next heartbeat."""
        with self._lock:
            self._says.update(says)

    def tell(self, **says: object) -> None:
        """The same at once. Raises ``GuardFailed`` where the record is another's by now."""
        self.say(**says)
        self._renew()
        if self.lost is not None:
            raise GuardFailed(Status.CHANGED, self.lost)

    def others(self) -> Sequence[Document]:
        """Other guards of the same flag: of other users, or abandoned."""
        with self._lock:
            guards = self._client.get("guards").document.get("guards") or []
        return [
            guard
            for guard in guards
            if guard.get("flag") == self._claim.flag and guard.get("owner") != self.owner
        ]

    def ended(self, status: int, message: str, *, left_on: bool) -> None:
        """What ``release`` is to say of the end: the exit status, and whether the flag stays on."""
        said = message[:LONGEST_MESSAGE]
        self._end = {"status": max(0, min(status, 255)), "message": said, "left_on": left_on}

    def release(self) -> None:
        """Let go of it; where the gateway is not reached, it runs out by itself."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            if self.lost is None:
                path = ("flags", self._claim.flag, "guards", self.owner)
                self._client.call("DELETE", *path, document=self._ending())
        except Failure:
            pass
        finally:
            self._client.close()

    def _ending(self) -> Document | None:
        if not self._end:
            return None
        progress = self._says.get("progress")
        return self._end if progress is None else {**self._end, "progress": progress}

    def _beat(self) -> None:
        while not self._over.wait(BEAT):
            if self.lost is None:
                self.say(**self._look())
                try:
                    self._renew()
                except Failure:
                    continue  # the gateway may be restarting: the lease lasts five beats

    def _renew(self) -> None:
        with self._lock:
            try:
                self._client.call(
                    "PUT", "flags", self._claim.flag, "guards", self.owner, document=self._says
                )
            except Refused as refused:
                if refused.status in {404, 409}:
                    holder = _holder(refused.body)
                    self.lost = _guarded(holder) if holder else "the guard was taken away"
                    return
                raise


def _holder(body: str) -> Mapping[str, Any]:
    try:
        holder = json.loads(body).get("guard")
    except (ValueError, AttributeError):
        return {}
    return holder if isinstance(holder, dict) else {}


def _guarded(holder: Mapping[str, Any]) -> str:
    what = holder.get("flag")
    if holder.get("user") is not None:
        what = f"{what} for {holder['user']}"
    since = f"{clock_time(holder.get('since'))} ({ago(holder.get('since'), time.time())})"
    where = f" on {holder['host']}" if holder.get("host") else ""
    text = f"{what} is guarded by {holder.get('by')}{where} since {since}"
    if holder.get("command"):
        text += f": {holder['command']}"
    if holder.get("abandoned"):
        text += (
            ". That guard is abandoned: make sure that its command has ended, then take over "
            "with --take-over"
        )
    return text

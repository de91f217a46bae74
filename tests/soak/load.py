"""The load of the soak: hundreds of clients at once, of every kind that there is.

``python -m tests.soak.load SETTINGS`` (JSON, see ``Settings``) runs until its standard input
ends, and then prints what became of its requests. Clients ask one thing after another, of one
gateway after another; some leave in the middle. Those that leave in a way that no proxy can see
the end of (in mid-upload) come seldom, ``orphans`` a second, because each keeps guards waiting.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field

import uvloop

LEASE_OUT = ", its lease is out"
LARGEST = 65_536  # bytes of an upload
KINDS = {"get": 55, "chunks": 14, "events": 3, "upload": 18, "pair": 8, "socket": 2}
_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")
_CHUNKED = re.compile(rb"(?i)\r\ntransfer-encoding: *chunked")


@dataclass(frozen=True, slots=True)
class Settings:
    """``ports`` of the gateways; ``scopes`` with their weights; ``pause`` in seconds, at most.

    ``patience`` is seconds for one answer, ``orphans`` how many a second.
    """

    ports: list[int]
    scopes: dict[str, int]
    control_group: str
    users: int = 12
    clients: int = 200
    pause: float = 0.25
    patience: float = 20.0
    orphans: float = 0.2
    leaving: float = 0.08  # of all requests
    seed: int = 1


@dataclass(slots=True)
class Told:
    """What became of the requests, by their scope."""

    answered: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)  # the connection broke, or no answer came
    odd: Counter[str] = field(default_factory=Counter)  # with how it was odd

    def take(self, scope: str, answer: Answer) -> bool:
        """Whether it was answered by the app."""
        if answer.status == 503 and answer.held:
            self.refused[scope] += 1
        elif answer.status in {200, 101}:
            self.answered[scope] += 1
            return True
        else:
            self.odd[f"{scope}: {answer.status}{answer.why}"] += 1
        return False


class Left(Exception):  # noqa: N818 no error: the client meant to
    """The client has gone in the middle."""


@dataclass(slots=True)
class Answer:
    """A head with the gateway's own mark, and what follows about the connection."""

    status: int
    held: bool
    closes: bool
    why: str = ""  # where the gateway says that its lease is out


class Client:
    """One visitor with one connection at a time, never at rest for long."""

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._random = random.Random(load.settings.seed * 10_007 + number)
        self._number = number
        self._asked = 0
        self._wires: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def run(self) -> None:
        """Ask until the load is over."""
        settings, told, dice = self._load.settings, self._load.told, self._random
        scopes, weights = list(settings.scopes), list(settings.scopes.values())
        kinds, shares = list(KINDS), list(KINDS.values())
        while not self._load.over.is_set():
            await asyncio.sleep(dice.random() * settings.pause)
            scope, kind = dice.choices(scopes, weights)[0], dice.choices(kinds, shares)[0]
            try:
                async with asyncio.timeout(settings.patience):
                    await self._ask(scope, kind)
            except Left:
                told.left[scope] += 1
                self._hang_up(rudely=dice.random() < 0.5)
            except (OSError, EOFError, TimeoutError) as error:
                told.lost[scope] += 1
                self._load.losses[f"{scope} {kind} {type(error).__name__}"] += 1
                self._hang_up(rudely=False)
        self._hang_up(rudely=False)

    async def _ask(self, scope: str, kind: str) -> None:
        reader, writer = self._wires or await self._connect()
        match kind:
            case "upload":
                closes = await self._upload(scope, reader, writer)
            case "socket":
                closes = await self._socket(scope, reader, writer)
            case "pair":
                _send(writer, self._head(scope, "get") + self._head(scope, "get"))
                self._leave_perhaps()
                closes = await self._take(scope, reader) or await self._take(scope, reader)
            case _:
                _send(writer, self._head(scope, kind))
                # A stream of events that nobody listens to any more has no end to be read to.
                self._leave_perhaps(seldom=kind == "events")
                closes = await self._take(scope, reader, leaving=kind == "chunks")
        if closes:
            self._hang_up(rudely=False)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        port = self._random.choice(self._load.settings.ports)
        self._wires = await asyncio.open_connection("127.0.0.1", port)
        return self._wires

    def _hang_up(self, *, rudely: bool) -> None:
        if self._wires is not None:
            writer, self._wires = self._wires[1], None
            if rudely:
                writer.transport.abort()
            else:
                writer.close()

    def _head(self, scope: str, kind: str, *lines: str) -> bytes:
        dice = self._random
        self._asked += 1
        name = f"{self._number}.{self._asked}"
        slow = dice.random() < 0.35
        work = dice.randint(80, 300) if slow else dice.randint(1, 25)
        head = [
            f"{'POST' if kind == 'upload' else 'GET'} /{scope}/{kind}?id={name}&ms={work} HTTP/1.1",
            "Host: soak.test",
            f"Cookie: theme=dark; uid=u{dice.randrange(self._load.settings.users)}",
        ]
        return "\r\n".join([*head, *lines, "", ""]).encode()

    def _leave_perhaps(self, *, seldom: bool = False) -> None:
        leaving = self._load.settings.leaving
        if self._load.may_orphan() if seldom else self._random.random() < leaving:
            raise Left

    async def _take(
        self, scope: str, reader: asyncio.StreamReader, *, leaving: bool = False
    ) -> bool:
        """One answer. Returns whether the connection ends with it."""
        answer = await self._read(reader, leaving=leaving)
        if not self._load.told.take(scope, answer):
            await asyncio.sleep(self._random.uniform(0.02, 0.15))
        return answer.closes

    async def _read(self, reader: asyncio.StreamReader, *, leaving: bool = False) -> Answer:
        head = await reader.readuntil(b"\r\n\r\n")
        if leaving:
            self._leave_perhaps()
        body = b""
        if found := _LENGTH.search(head):
            body = await reader.readexactly(int(found[1]))
        elif _CHUNKED.search(head):
            while size := int(await reader.readuntil(b"\r\n"), 16):
                await reader.readexactly(size + 2)
            await reader.readexactly(2)
        lowered = head.lower()
        closes = b"\r\nconnection: close" in lowered
        why = LEASE_OUT if b"lost touch with its store" in body else ""
        return Answer(int(head.split(b" ", 2)[1]), b"\r\nx-maintenance:" in lowered, closes, why)

    async def _upload(
        self, scope: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        size = self._random.randint(1, LARGEST)
        chunked = self._random.random() < 0.4
        framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (size, b"x" * size) if chunked else b"x" * size
        _send(writer, self._head(scope, "upload", framing) + body[: size // 2])
        if self._load.may_orphan():
            await asyncio.sleep(0.01)
            raise Left
        if self._random.random() < 0.3:
            await asyncio.sleep(self._random.random() * 0.1)
        _send(writer, body[size // 2 :])
        self._leave_perhaps(seldom=True)  # not all of it has gone yet, perhaps
        return await self._take(scope, reader)

    async def _socket(
        self, scope: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Messages until it has had enough, or is closed by the other side."""
        upgrade = ("Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        _send(writer, self._head(scope, "socket", *upgrade, key))
        answer = await self._read(reader)
        if not self._load.told.take(scope, answer):
            return answer.closes
        with suppress(EOFError, ConnectionError):
            for _ in range(self._random.randint(1, 40)):
                _send(writer, b"\x81\x82\0\0\0\0hi")
                if (await reader.readexactly(2))[0] & 15 == 8:
                    break
                await reader.readexactly(2)
                await asyncio.sleep(0.05)
            _send(writer, b"\x88\x80\0\0\0\0")
        return True


def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    if writer.is_closing():
        raise ConnectionResetError("the gateway has hung up")
    writer.write(data)


class Load:
    """All clients, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.told = Told()
        self.losses: Counter[str] = Counter()
        self.over = asyncio.Event()
        self._next_orphan = time.monotonic() + 2.0

    def may_orphan(self) -> bool:
        """Whether it is time again for one whose end cannot be seen."""
        if not self.settings.orphans or time.monotonic() < self._next_orphan:
            return False
        self._next_orphan = time.monotonic() + 1 / self.settings.orphans
        return True

    async def run(self) -> None:
        """Until the standard input ends."""
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), self.over.set)
        async with asyncio.TaskGroup() as group:
            for number in range(self.settings.clients):
                group.create_task(Client(self, number).run())


def main(text: str) -> None:
    """Run, and print the figures."""

    async def run() -> Load:
        load = Load(Settings(**json.loads(text)))
        await load.run()
        return load

    load, told = uvloop.run(run()), {}
    for name in ("answered", "refused", "left", "lost", "odd"):
        told[name] = dict(getattr(load.told, name))
    sys.stdout.write(json.dumps({**told, "losses": dict(load.losses)}))


if __name__ == "__main__":
    main(sys.argv[1])

"""An app that writes down every request it was sent, and complains of what is not spelled out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass

from tests.support.strict_http import Spelled, UnspelledError, read_request
from tests.support.wire import RawApp, Wire, ok


@dataclass(frozen=True, slots=True)
class Script:
    """What the app says to a target instead of its own answer.

    ``ends``: and then ends the connection: by closing it, or by a reset.
    """

    answer: bytes
    ends: str = ""


class StrictApp:
    """Answers each request with its own target; ``scripts`` are answers for some targets.

    ``seen`` are the requests, ``complaints`` what was wrong with them.
    """

    def __init__(self, app: RawApp) -> None:
        self._app = app
        self._tasks: set[asyncio.Task[None]] = set()
        self.seen: list[Spelled] = []
        self.complaints: list[str] = []
        self.scripts: dict[bytes, Script] = {}

    def start(self) -> None:
        self._spawn(self._accept())

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._app._listener)
            wire = Wire(sock)
            self._app.accepted.append(wire)
            self._spawn(self._serve(wire))

    async def _serve(self, wire: Wire) -> None:
        with contextlib.suppress(OSError, EOFError):
            try:
                while await self._serve_one(wire):
                    pass
            except UnspelledError as error:
                self.complaints.append(str(error))
        wire.close()

    async def _serve_one(self, wire: Wire) -> bool:
        data = b""
        while (found := read_request(data)) is None:
            data += await wire.forever()
        request, more = found
        if more:
            raise UnspelledError(f"sent more than a request: {more[:80]!r}")
        self.seen.append(request)
        target = request.line.split(b" ")[1]
        script = self.scripts.get(target)
        if script is None:
            await wire.send(ok(target))
            return True
        await wire.send(script.answer)
        if script.ends == "reset":
            wire.reset()
        return not script.ends

"""A real Chromium without a window, driven through the DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import os
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")

# No sandbox: tests run in containers, as root. The rest keeps it from calling home.
_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-port=0",
)
_ADDRESS = re.compile(rb"DevTools listening on (ws://\S+)")

Json = dict[str, Any]


class Browser:
    """One browser process; each ``tab`` is a fresh one with a profile of its own."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Json]] = {}
        self._events: dict[str, asyncio.Queue[Json]] = {}

    async def read(self) -> None:
        """Hand each message to whoever waits for it, until the socket closes."""
        async for message in self._socket:
            document = message.json()
            if "id" in document:
                self._answers.pop(document["id"]).set_result(document)
            elif (events := self._events.get(document.get("sessionId", ""))) is not None:
                events.put_nowait(document)

    async def call(self, method: str, session: str | None = None, **params: Any) -> Json:
        number = next(self._ids)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        document: Json = {"id": number, "method": method, "params": params}
        if session is not None:
            document["sessionId"] = session
        await self._socket.send_json(document)
        result = await asyncio.wait_for(answer, 30)
        assert "error" not in result, (method, result["error"])
        return result["result"]  # type: ignore[no-any-return]

    @asynccontextmanager
    async def tab(self, *, width: int = 1280, height: int = 800, dark: bool = False) -> Any:
        """A tab as wide and high as told, in CSS pixels, that prefers light or dark."""
        context = (await self.call("Target.createBrowserContext"))["browserContextId"]
        target = await self.call("Target.createTarget", url="about:blank", browserContextId=context)
        attached = await self.call(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        tab = Tab(self, attached["sessionId"])
        self._events[tab.session] = tab.events
        try:
            await tab.call("Page.enable")
            await tab.call("Runtime.enable")
            await tab.call("Log.enable")
            await tab.call("Network.enable")
            await tab.call(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=1,
                mobile=width < 600,
            )
            scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
            await tab.call("Emulation.setEmulatedMedia", features=[scheme])
            yield tab
        finally:
            await self.call("Target.disposeBrowserContext", browserContextId=context)


class Tab:
    """One page. ``events`` are the protocol's, as they come."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self.session = session
        self.events: asyncio.Queue[Json] = asyncio.Queue()
        self.complaints: list[str] = []  # what the console showed: errors, refused resources
        self.requested: list[str] = []  # every address the page asked for

    async def call(self, method: str, **params: Any) -> Json:
        return await self._browser.call(method, self.session, **params)

    async def until(self, wanted: Callable[[Json], bool], seconds: float = 60) -> Json:
        """The next event that is wanted; notes complaints and requests on the way."""
        async with asyncio.timeout(seconds):
            while True:
                event = await self.events.get()
                self._note(event)
                if wanted(event):
                    return event

    async def open(self, address: str) -> None:
        """Go there and wait until it has loaded."""
        await self.call("Page.navigate", url=address)
        await self.loaded()

    async def loaded(self) -> None:
        await self.until(lambda event: event["method"] == "Page.loadEventFired")

    async def value(self, expression: str) -> Any:
        """What JavaScript says to ``expression``; promises are awaited."""
        answer = await self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def screenshot(self) -> bytes:
        """The visible part as PNG."""
        picture = await self.call("Page.captureScreenshot", format="png")
        return base64.b64decode(picture["data"])

    def _note(self, event: Json) -> None:
        params = event["params"]
        match event["method"]:
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])
            case "Log.entryAdded" if params["entry"]["source"] != "network":
                self.complaints.append(params["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))


@asynccontextmanager
async def chromium(profile: Path) -> AsyncIterator[Browser]:
    """A browser with an empty profile; it has ended when this has."""
    assert PROGRAM is not None
    process = await asyncio.create_subprocess_exec(
        PROGRAM,
        *_FLAGS,
        f"--user-data-dir={profile}",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # its helpers end with it
    )
    try:
        address = await asyncio.wait_for(_address(process), 60)
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(address, max_msg_size=0) as socket,
        ):
            browser = Browser(socket)
            reading = asyncio.create_task(browser.read())
            drain = asyncio.create_task(_drain(process))
            yield browser
            reading.cancel()
            drain.cancel()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


async def _address(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    async for line in process.stderr:
        if found := _ADDRESS.search(line):
            return found[1].decode()
    raise AssertionError("Chromium ended before it listened")


async def _drain(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    while await process.stderr.read(65_536):
        pass

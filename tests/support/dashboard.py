"""The dashboard as a browser without JavaScript has it: pages, forms, and a jar of cookies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from aiohttp import ClientResponse

from tests.support.control import Stage

HTML = {"Accept": "text/html,*/*;q=0.8"}
_COOKIE = re.compile(r"([^=]+)=([^;]*)")


@dataclass
class Visitor:
    """Somebody who follows no redirect unasked. ``text`` is the page they see now."""

    stage: Stage
    cookies: dict[str, str] = field(default_factory=dict)
    text: str = ""
    set_cookies: list[str] = field(default_factory=list)

    async def get(self, path: str, status: int = 200, **headers: str) -> ClientResponse:
        self._forget()
        response = await self.stage.client.get(
            path, headers={**HTML, **self._jar(), **headers}, allow_redirects=False
        )
        return await self._seen(response, status)

    async def post(
        self, path: str, status: int = 303, *, form: str | None = None, **fields: str
    ) -> ClientResponse:
        """Send a form of the page that is seen; ``form`` in place of its own mark."""
        self._forget()
        mark = self.mark if form is None else form
        response = await self.stage.client.post(
            path,
            data={"form": mark, **{name.rstrip("_"): value for name, value in fields.items()}},
            headers={**HTML, **self._jar()},
            allow_redirects=False,
        )
        return await self._seen(response, status)

    async def log_in(self, token: str, status: int = 303) -> ClientResponse:
        await self.get("/login")
        return await self.post("/login", status, token=token)

    @property
    def mark(self) -> str:
        """What shows that a form is one of this visitor's pages'."""
        found = re.search(r'name="form" value="([^"]*)"', self.text)
        assert found is not None, self.text
        return unescape(found[1])

    @property
    def words(self) -> str:
        """The page's text, on one line."""
        return " ".join(unescape(re.sub(r"<[^>]+>", " ", self.text)).split())

    def _forget(self) -> None:
        self.stage.client.session.cookie_jar.clear()  # the client would share it out to all

    def _jar(self) -> dict[str, str]:
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": jar} if jar else {}

    async def _seen(self, response: ClientResponse, status: int) -> ClientResponse:
        text = await response.text()
        assert response.status == status, (response.status, text)
        if response.content_type == "text/html":
            self.text = text
        self.set_cookies = response.headers.getall("Set-Cookie", [])
        for line in self.set_cookies:
            found = _COOKIE.match(line)
            assert found is not None
            self.cookies[found[1]] = found[2]
        return response


async def visitor(stage: Stage, token: str | None = None) -> Visitor:
    """Somebody at the overview, logged in if a token is given."""
    one = Visitor(stage)
    if token is not None:
        await one.log_in(token)
    await one.get("/")
    return one


def events_of(text: str) -> list[tuple[str, Any]]:
    """The events of a stream, as (name, JSON text)."""
    found = re.findall(r"^event: (\w+)\n(?:id: .*\n)?data: (.*)\n\n", text, re.MULTILINE)
    return [(name, data) for name, data in found]

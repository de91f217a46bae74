"""Real pages under a notice, thousands of times, cut anywhere: nothing but the insertion differs.

    python -m tests.soak.notices [--answers 10000] [--seed N] FOLDER...

The pages are those of a stock Django admin and of httpbin, asked for live, and every HTML file
below the folders (such as those of Debian's python3.11-doc, made by Sphinx). An app of ours then
answers with them through ``gateway serve``, each time framed and cut by chance. Exit status 1: an
answer was another than its page with the notice in it, or that was not where the body starts.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import aiohttp

from tests.support.django_site import Browser, make_project, serve_project
from tests.support.gateway_process import GatewayProcess
from tests.support.servers import gunicorn

FLAGS = """
flags:
  soon: {mode: notice, enabled: true, notice: {banner: Soon., hide: ["#x"]}}
"""
INSERTION = re.compile(
    rb'<link rel="stylesheet" href="/-/maintenance/notice/soon-[0-9a-f]{16}\.css">'
    rb'<div class="maintenance-notice" role="status" dir="auto" data-maintenance="soon">'
    rb"Soon\.</div>"
)
ADMIN = ("/", "/admin/", "/admin/login/", "/admin/auth/user/", "/admin/auth/user/add/",
         "/admin/auth/user/1/change/", "/admin/auth/user/1/history/", "/admin/auth/user/1/delete/",
         "/admin/auth/group/", "/admin/auth/group/add/", "/admin/password_change/",
         "/no/such/page")  # fmt: skip
HTTPBIN = ("/", "/html", "/forms/post", "/links/10/0", "/legacy")
AT_ONCE = 8
LOOKED_AT = 20_000  # bytes after the notice, for a <body> that it should have come after


async def live_pages(folder: Path) -> AsyncIterator[bytes]:
    """What Django's admin and httpbin say, to somebody who has logged in and to a stranger."""
    program, port = serve_project(make_project(folder / "django"))
    with program:
        async with Browser(port) as stranger, Browser(port) as admin:
            await admin.log_in()
            for person in (stranger, admin):
                for path in ADMIN:
                    yield (await person.get(path)).body
    program, port = gunicorn("httpbin:app", folder)
    with program:
        async with aiohttp.ClientSession() as session:
            for path in HTTPBIN:
                async with session.get(f"http://127.0.0.1:{port}{path}") as answer:
                    yield await answer.read()


def files(folders: Sequence[Path]) -> Iterator[bytes]:
    for folder in folders:
        for path in sorted((*folder.rglob("*.html"), *folder.rglob("*.htm"))):
            if path.is_file():
                yield path.read_bytes()


def pieces(page: bytes, chance: random.Random) -> list[bytes]:
    """The page cut by chance: seldom, often, or byte by byte up to somewhere in its head."""
    most = chance.choice((0, 0, 3, 40))
    cuts = {chance.randrange(len(page) + 1) for _ in range(most)}
    if most == 40 and chance.random() < 0.25:
        first = chance.randrange(min(len(page), 3000) + 1)
        cuts |= set(range(first, min(len(page), first + 60)))
    edges = sorted({0, len(page), *cuts})
    return [page[start:end] for start, end in pairwise(edges)]


async def answer(page: bytes, chance: random.Random, out: asyncio.StreamWriter) -> bool:
    """Send it; False: the connection ends with it."""
    framing = chance.choice(("length", "length", "chunks", "close"))
    lines = [b"HTTP/1.1 200 OK", b"Content-Type: text/html", b'ETag: "1"']
    if framing == "length":
        lines.append(b"Content-Length: %d" % len(page))
    elif framing == "chunks":
        lines.append(b"Transfer-Encoding: chunked")
    parts = pieces(page, chance)
    head = b"\r\n".join((*lines, b"", b""))
    if framing == "chunks":
        parts = [b"%x\r\n%b\r\n" % (len(part), part) for part in parts if part] + [b"0\r\n\r\n"]
    if chance.random() < 0.5 and parts:
        parts[0] = head + parts[0]
    else:
        parts.insert(0, head)
    for part in parts:
        out.write(part)
        await out.drain()
        await asyncio.sleep(0)
    return framing != "close"


@asynccontextmanager
async def app(pages: Sequence[bytes]) -> AsyncIterator[int]:
    """An app that answers ``/PAGE/SEED``, and its port."""

    async def serve(heads: asyncio.StreamReader, out: asyncio.StreamWriter) -> None:
        goes_on = True
        while goes_on:
            try:
                head = await heads.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
                break
            _, number, seed = head.split(b" ")[1].split(b"/")
            goes_on = await answer(pages[int(number)], random.Random(int(seed)), out)
        out.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Place(HTMLParser):
    """The start tags before the notice's link, by a parser that is not ours."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.before = ""
        self.found = False
        self.bodies = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.bodies += tag == "body"
        if tag == "link" and "/-/maintenance/notice/" in (dict(attrs).get("href") or ""):
            self.found = True
        elif not self.found:
            self.before = tag


def judge(page: bytes, got: bytes) -> str:
    """``shown`` or ``left alone``; else what is wrong."""
    if got == page:
        return "left alone"
    bare, count = INSERTION.subn(b"", got)
    if count != 1 or bare != page:
        return "WRONG BYTES"
    near = got[: got.index(b"/-/maintenance/notice/") + LOOKED_AT]
    place = Place(near.decode("latin-1"))
    if not place.found or (place.bodies and place.before != "body"):
        return "WRONG PLACE"
    return "shown"


async def run(pages: Sequence[bytes], answers: int, seed: int, folder: Path) -> Counter[str]:
    chance = random.Random(seed)
    outcomes: Counter[str] = Counter()
    asked = iter([(n % len(pages), chance.randrange(1 << 32)) for n in range(answers)])
    async with app(pages) as port:
        with GatewayProcess(folder / "gateway", f"http://127.0.0.1:{port}", FLAGS) as gateway:

            async def ask(session: aiohttp.ClientSession) -> None:
                for number, how in asked:
                    async with session.get(f"{gateway.url}/{number}/{how}") as got:
                        outcome = judge(pages[number], await got.read())
                    outcomes[outcome] += 1
                    if outcome.startswith("WRONG"):
                        say(f"{outcome}: page {number}, seed {how}")

            async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
                for _ in range(AT_ONCE):
                    group.create_task(ask(session))
    return outcomes


async def main(arguments: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        live = [page async for page in live_pages(folder)]
        pages = [page for page in (*live, *files(arguments.folders)) if page]
        size = sum(map(len, pages))
        say(f"{len(pages)} pages, {len(live)} of them live, {size:,} bytes; seed {arguments.seed}")
        outcomes = await run(pages, arguments.answers, arguments.seed, folder)
    say(f"{arguments.answers} answers: {dict(outcomes)}")
    return int(any(outcome.startswith("WRONG") for outcome in outcomes))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", metavar="FOLDER", nargs="*", type=Path)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    sys.exit(asyncio.run(main(parser.parse_args())))

"""Real pages, framed and cut by chance: with a notice they are the same but for the insertion.

``python -m tests.soak.notices`` is the long form, with a real gateway and thousands of pages.
"""

from __future__ import annotations

import random
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp

from gateway.config.settings import Address
from gateway.core.flags import Flag, FlagState, Mode, Notice
from tests.soak.notices import app, judge

SOON = Flag("soon", FlagState(enabled=True, mode=Mode.NOTICE), notice=Notice("Soon.", ("#x",)))
ANSWERS = 150


def pages() -> list[bytes]:
    """What the tests' own sites bring with them, but for templates with code in their heads."""
    folders = [Path(spec.origin).parent for name in ("django", "httpbin")
               if (spec := find_spec(name)) is not None and spec.origin]  # fmt: skip
    files = (path for folder in folders for path in sorted(folder.rglob("*.html")))
    whole = [page for page in (path.read_bytes() for path in files) if b"<html" in page[:500]]
    return [page for page in whole if b"{%" not in page[: page.find(b"<body")]]


async def test_pages_are_the_same_but_for_the_notice(start: Any) -> None:
    found = pages()
    chance = random.Random(20261127)
    outcomes: Counter[str] = Counter()
    async with app(found) as port:
        stage = await start(SOON, upstream=Address("127.0.0.1", port))
        async with aiohttp.ClientSession() as session:
            for number in range(ANSWERS):
                page = number % len(found)
                url = f"http://{stage.address}/{page}/{chance.randrange(1 << 32)}"
                async with session.get(url) as got:
                    outcomes[judge(found[page], await got.read())] += 1

    assert len(found) >= 3
    assert outcomes == {"shown": ANSWERS}

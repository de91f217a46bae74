"""The tables of docs/scope.md: a row for each spelling, a column for each server."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

from tests.scope.corpus import FIELDS, HOSTS, TARGETS, USERS, Lines
from tests.scope.judge import ALL_BUT_HELP, HOST, SEARCH, judge, listed
from tests.scope.servers import MODULES, NAMES, Said, Server

PAGE = Path(__file__).parents[2] / "docs" / "scope.md"
START, END = "<!-- scope -->\n", "<!-- /scope -->"
NO_PAGE = "-"

Row = tuple[str, ...]


def written(page: str, servers: Sequence[Server]) -> str:
    """The page with its tables made anew."""
    before, rest = page.split(START)
    after = rest.split(END)[1]
    tables = "\n".join(
        (
            f"Measured with {versions()}.\n",
            "### Targets\n",
            *table(("target", "`/search` on", "`/help` exempt", *NAMES), target_rows(servers)),
            "### Fields that name another target\n",
            *table(("request", "`/search` on", "`/help` exempt", *NAMES), field_rows(servers)),
            "### Users\n",
            *table(("fields", "bob listed", *NAMES), user_rows(servers)),
            "### Hosts\n",
            *table(("request", "`shop.example` on", *NAMES), host_rows(servers)),
        )
    )
    return f"{before}{START}{tables}{END}{after}"


def target_rows(servers: Sequence[Server]) -> Iterator[Row]:
    for family, targets in TARGETS.items():
        yield (f"**{family}**", *[""] * (2 + len(servers)))
        for target in targets:
            yield (shown(target), *verdicts(target), *(page(one.ask(target)) for one in servers))


def field_rows(servers: Sequence[Server]) -> Iterator[Row]:
    for target, line in FIELDS:
        pages = (page(one.ask(target, line)) for one in servers)
        yield (shown(target, line), *verdicts(target, line), *pages)


def user_rows(servers: Sequence[Server]) -> Iterator[Row]:
    for lines in USERS:
        place, name = place_of(lines)
        word = judge(listed(place, name), b"/", *lines).word
        users = (user(one.ask(b"/", *lines), place) for one in servers)
        yield (shown(*lines), word, *users)


def host_rows(servers: Sequence[Server]) -> Iterator[Row]:
    for host, target, lines in HOSTS:
        word = judge(HOST, target, *lines, host=host).word
        said = (one.ask(target, *lines, host=host) for one in servers)
        # A server that takes no name for one falls back to its own address.
        names = (re.sub(r"127\.0\.0\.1:\d+", "its own", one.host) or page(one) for one in said)
        yield (shown(target, b"Host: " + host, *lines), word, *map(code, names))


def verdicts(target: bytes, *lines: bytes) -> tuple[str, str]:
    """The gateway's: of a flag on ``/search``, and of one on all but ``/help``."""
    return judge(SEARCH, target, *lines).word, judge(ALL_BUT_HELP, target, *lines).word


def place_of(lines: Lines) -> tuple[str, str]:
    cookie = lines[0].lower().startswith(b"cookie")
    return ("cookie", "uid") if cookie else ("header", "X-User-Id")


def page(said: Said) -> str:
    if said.page == NO_PAGE:
        return str(said.status or "closed")
    return said.page if said.page == "other" else f"**{said.page}**"


def user(said: Said, place: str) -> str:
    found = said.cookie if place == "cookie" else said.header
    return code(found) if said.page != NO_PAGE else page(said)


def shown(*texts: bytes) -> str:
    return "<br>".join(map(_code, texts))


def code(text: str) -> str:
    return _code(text.encode("utf-8", "surrogateescape"))


def _code(raw: bytes) -> str:
    """As code in a cell of a table; bytes that cannot be seen are escaped."""
    seen = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in raw)
    fence = "``" if "`" in seen else "`"
    return f"{fence}{seen}{fence}".replace("|", "\\|") if seen else ""


def table(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield "|---" * len(heads) + "|"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def versions() -> str:
    python = (
        "Flask",
        "Werkzeug",
        "Django",
        "gunicorn",
        "waitress",
        "Starlette",
        "uvicorn",
        "aiohttp",
    )
    found = [f"{name} {version(name)}" for name in python]
    for name in ("express", "express4"):
        package = json.loads((MODULES / "node_modules" / name / "package.json").read_text())
        found.append(f"Express {package['version']}")
    asked = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=True)
    found.append("nginx " + asked.stderr.strip().rpartition("/")[2])
    return ", ".join(found)

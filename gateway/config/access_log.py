"""Reading ``access_log``: whether each answered request has a line, where, and in which form."""

from __future__ import annotations

from pathlib import Path

from gateway.config.nodes import Node
from gateway.config.scalars import choice, word
from gateway.config.section import Read, Section
from gateway.config.settings import AccessLog, LogFormat

STDOUT = "-"


def read_access_log(top: Section, folder: Path) -> AccessLog | None:
    given = top.given("access_log")
    with top.section("access_log") as section:
        path = section.take("path", _where(folder), None)
        form = section.take("format", choice(LogFormat), LogFormat.JSON)
        if given and not section.given("path"):
            section.refuse("path", "is missing: a file, or - for the standard output")
    return None if path is None else AccessLog(None if path == Path(STDOUT) else path, form)


def _where(folder: Path) -> Read[Path]:
    def read(node: Node) -> Path:
        found = word(node)
        return Path(STDOUT) if found == STDOUT else folder / found

    return read

#!/usr/bin/env python3
"""``./reindex.py USER`` rebuilds one user's search index, with their tags in it from now on.

An operator's script: it knows nothing of maintenance either. It ends with 3 at a note that it
cannot read, and leaves an index behind that is half there.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from notes.index import Index

UNREADABLE = 3


class UnreadableNoteError(Exception):
    """A note whose tags are no JSON."""


def main(user: str) -> int:
    """Returns the exit status. When it ran is noted in ``reindexes.log``."""
    data = Path(os.environ.get("NOTES_DATA", "data"))
    start, status = time.time(), 0
    try:
        Index(data / "index", user).rebuild(_texts(data / "db.sqlite3", user))
    except UnreadableNoteError as error:
        print(f"reindex.py: {error}", file=sys.stderr)
        status = UNREADABLE
    with (data / "reindexes.log").open("a") as log:
        log.write(f"{json.dumps([user, start, time.time(), status])}\n")
    return status


def _texts(file: Path, user: str) -> Iterator[tuple[int, str]]:
    asked = "SELECT id, title, body, tags FROM notes_note WHERE owner = ? ORDER BY id"
    with closing(sqlite3.connect(file)) as database:
        for note, title, body, tags in database.execute(asked, (user,)).fetchall():
            yield note, " ".join([title, body, *_tags(note, tags)])


def _tags(note: int, tags: str) -> list[str]:
    try:
        return [str(tag) for tag in json.loads(tags)]
    except ValueError as error:
        raise UnreadableNoteError(f"note {note}: its tags are no JSON: {tags}") from error


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

"""Each user's search index: an SQLite file of its own, made of their notes.

It needs no Django, so that what rebuilds it starts at once.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from itertools import islice
from pathlib import Path

BATCH = 5  # notes, which are on the disk before the next ones are looked at
_WORD = re.compile(r"\w+")
_TABLE = "CREATE TABLE entry (word TEXT, note INTEGER, PRIMARY KEY (word, note)) WITHOUT ROWID"


class Index:
    """Of one user."""

    def __init__(self, folder: Path, user: str) -> None:
        self._file = folder / f"{user}.sqlite3"

    def search(self, word: str) -> list[int]:
        """The numbers of the notes that have the word."""
        with closing(sqlite3.connect(self._file)) as database:
            found = database.execute("SELECT note FROM entry WHERE word = ?", (word.lower(),))
            return [note for (note,) in found]

    def create(self, texts: Iterable[tuple[int, str]]) -> None:
        """The first one, of notes by number with all their words, in one go."""
        with closing(sqlite3.connect(self._file)) as database, database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(_TABLE)
            _add(database, texts)

    def rebuild(self, texts: Iterable[tuple[int, str]]) -> None:
        """Emptied, and filled again in place, batch by batch.

        Who searches meanwhile finds what is there by then, and not the rest.
        """
        left = iter(texts)
        with closing(sqlite3.connect(self._file, timeout=30)) as database:
            with database:
                database.execute("DELETE FROM entry")
            while batch := list(islice(left, BATCH)):
                with database:
                    _add(database, batch)


def _add(database: sqlite3.Connection, texts: Iterable[tuple[int, str]]) -> None:
    entries = ((word, note) for note, text in texts for word in set(_WORD.findall(text.lower())))
    database.executemany("INSERT INTO entry VALUES (?, ?)", entries)

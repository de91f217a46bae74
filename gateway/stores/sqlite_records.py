"""The table of records, in a transaction that the caller has begun."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from gateway.stores.base import Record, RecordMoved, StoreError
from gateway.stores.documents import dump_document, load_document


def read_records(connection: sqlite3.Connection, kind: str) -> list[Record]:
    """All records of one kind, by key."""
    rows = connection.execute(
        "SELECT key, beat, document FROM records WHERE kind = ? ORDER BY key", (kind,)
    )
    return [_record(row) for row in rows]


def beat_now(connection: sqlite3.Connection, kind: str, key: str, expect: int | None) -> int:
    """The beat that a record has, 0 for none. Raises ``RecordMoved`` where not the expected."""
    row = connection.execute(
        "SELECT key, beat, document FROM records WHERE kind = ? AND key = ?", (kind, key)
    ).fetchone()
    beat: int = row[1] if row else 0
    if expect not in {None, beat}:
        raise RecordMoved(_record(row) if row else None)
    return beat


def write_record(connection: sqlite3.Connection, kind: str, record: Record) -> Record:
    """Write a record whole; returns it as it is read back."""
    text = dump_document(record.document)
    row = (kind, record.key, record.beat, text)
    connection.execute("INSERT OR REPLACE INTO records VALUES (?, ?, ?, ?)", row)
    return replace(record, document=load_document(text))


def drop_record(connection: sqlite3.Connection, kind: str, key: str) -> None:
    """Take a record away, if it is there."""
    connection.execute("DELETE FROM records WHERE kind = ? AND key = ?", (kind, key))


def _record(row: tuple[str, int, str]) -> Record:
    key, beat, text = row
    try:
        return Record(key, beat, load_document(text))
    except ValueError as error:
        raise StoreError(f"the store holds a record that is none: {key!r}") from error

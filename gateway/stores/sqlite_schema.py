"""The tables of a store's SQLite file: made, brought up to date, or refused."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.stores.base import StoreError

VERSION = 2

_STATE = """CREATE TABLE state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    config_digest TEXT NOT NULL,
    epoch TEXT NOT NULL DEFAULT '')"""
_OVERRIDES = """CREATE TABLE overrides (
    flag TEXT PRIMARY KEY,
    document TEXT NOT NULL) WITHOUT ROWID"""
_AUDIT = """CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    by TEXT NOT NULL,
    action TEXT NOT NULL,
    flag TEXT NOT NULL,
    reason TEXT NOT NULL,
    changes TEXT,
    revision INTEGER NOT NULL)"""
_RECORDS = """CREATE TABLE records (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    beat INTEGER NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (kind, key)) WITHOUT ROWID"""
_FIRST = "INSERT INTO state VALUES (1, 0, '', '')"
_NEW = (_STATE, _OVERRIDES, _AUDIT, _RECORDS, _FIRST)
_SINCE = {
    0: _NEW,
    1: ("ALTER TABLE state ADD COLUMN epoch TEXT NOT NULL DEFAULT ''", _RECORDS),
}  # what a file of that version lacks


def prepare(connection: sqlite3.Connection, path: Path, busy: float) -> None:
    """Make the tables where there are none. Raises ``StoreError`` for a file not ours.

    ``busy`` is how many seconds to wait for other processes that do the same.
    """
    _write_ahead(connection, busy)
    connection.execute("PRAGMA synchronous = FULL")
    with transaction(connection, "IMMEDIATE"):
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
        if version > VERSION:
            raise StoreError(f"{path}: was written by a later version of the gateway")
        if version == 0 and tables:
            raise StoreError(f"{path}: is a database of something else")
        if version < VERSION:
            _bring_up(connection, version)


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, kind: str) -> Iterator[sqlite3.Connection]:
    """Commits at the end, or rolls everything back. ``kind`` is DEFERRED or IMMEDIATE."""
    connection.execute(f"BEGIN {kind}")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _bring_up(connection: sqlite3.Connection, version: int) -> None:
    for statement in _SINCE[version]:
        connection.execute(statement)
    connection.execute("UPDATE state SET epoch = ?", (secrets.token_hex(8),))
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _write_ahead(connection: sqlite3.Connection, busy: float) -> None:
    # SQLite does not wait for its lock while it changes the mode of a new file, which
    # processes that start together would all do at once.
    deadline = time.monotonic() + busy
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            if mode != "wal":
                raise StoreError("the store's file system cannot keep a write-ahead log")
            return

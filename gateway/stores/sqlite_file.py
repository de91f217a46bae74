"""One SQLite file as a store, in blocking calls: for one thread, that of ``SqliteStore``.

Theory of operation. The file is in WAL mode with ``synchronous=FULL``: a commit has reached
the disk before it returns, so an answered flip survives a killed process and a lost power
supply. Writers of all processes take turns by ``BEGIN IMMEDIATE``, under which the state is
read, edited and written, so that the revision is a compare-and-set that never loses. Whoever
does not get the lock in ``BUSY`` seconds gets a ``StoreError`` and has changed nothing.

Records are written to the same file by the same connection with ``synchronous=NORMAL``, that
is, without waiting for the disk. The log is one sequence: a power cut loses at most the records
written after the last flip, never a flip, and with the power went the processes that they tell
of. A second file would save the wait for a flip's sync, and be one more to lose or replace.

A file that was moved away or replaced is noticed before each use by its inode: a write to a
file without a name would be answered and lost. It is used again when it is back, never created
again, and another in its place is not taken up: the log beside it (``-wal``) would be applied
to a database that it does not belong to. Another file is put in place with the gateway stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

from gateway.core.overrides import Override
from gateway.stores.base import (
    MOST_AUDIT_ENTRIES,
    AuditEntry,
    Change,
    Edit,
    Record,
    StoredState,
    StoreError,
    applied,
)
from gateway.stores.documents import dump_override, load_override, whole_text
from gateway.stores.sqlite_records import beat_now, drop_record, read_records, write_record
from gateway.stores.sqlite_schema import prepare, transaction

BUSY = 3.0  # seconds


class SqliteFile:
    """Every method raises ``StoreError``, and then nothing was changed.

    ``committed`` is called after each change of the state or of a record, on the same thread.
    """

    def __init__(
        self, path: Path, *, busy: float = BUSY, committed: Callable[[], None] = lambda: None
    ) -> None:
        self._path = path
        self._busy = busy
        self._committed = committed
        self._connection: sqlite3.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._cached: StoredState | None = None

    def open(self) -> None:
        """Open the file, create it where there is none, and prove that it can be written."""
        with self._translated():
            self._connect()

    def close(self) -> None:
        """Let go of the file. Idempotent."""
        connection, self._connection, self._cached = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    def read(self) -> StoredState:
        with self._translated(), transaction(self._current(), "DEFERRED") as connection:
            return self._state(connection)

    def update(self, edit: Edit) -> StoredState:
        with self._translated(), transaction(self._current(), "IMMEDIATE") as connection:
            state = self._state(connection)
            change = edit(state)
            if change is None:
                return state
            after = applied(state, change)
            _write(connection, change, after.revision)
        self._cached = after
        self._committed()
        return after

    def record(self, entry: AuditEntry) -> None:
        with self._translated(), transaction(self._current(), "IMMEDIATE") as connection:
            _note(connection, entry)

    def audit(self, limit: int, before: int | None) -> list[AuditEntry]:
        with self._translated():
            rows = self._current().execute(
                "SELECT at, by, action, flag, reason, changes, revision, id FROM audit"
                " WHERE id < ? ORDER BY id DESC LIMIT ?",
                (2**62 if before is None else before, limit),
            )
            return [_entry(row) for row in rows]

    def records(self, kind: str) -> list[Record]:
        with self._translated():
            return read_records(self._current(), kind)

    def put(
        self, kind: str, key: str, document: Mapping[str, object], expect: int | None
    ) -> Record:
        """As ``Store.put``. 0.03 to 0.05 ms; a flip, which syncs, 0.15 ms and up."""
        with self._unsynced() as connection:
            beat = beat_now(connection, kind, key, expect) + 1
            record = write_record(connection, kind, Record(key, beat, document))
        self._committed()
        return record

    def drop(self, kind: str, key: str, expect: int | None) -> None:
        with self._unsynced() as connection:
            beat = beat_now(connection, kind, key, expect)
            if beat:
                drop_record(connection, kind, key)
        if beat:
            self._committed()

    def version(self) -> int:
        """A number that moves when another process has written (``PRAGMA data_version``)."""
        with self._translated():
            return int(self._current().execute("PRAGMA data_version").fetchone()[0])

    def _connect(self) -> None:
        self.close()
        created = not self._path.exists()
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode=rwc",
            uri=True,
            timeout=self._busy,
            isolation_level=None,
        )
        try:
            prepare(connection, self._path, self._busy)
        except BaseException:
            connection.close()
            raise
        if created:
            _sync_directory(self._path.parent)
        self._connection, self._inode = connection, _inode(self._path)

    def _current(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreError("the store is closed")
        if _inode(self._path) != self._inode:
            raise StoreError(f"{self._path}: another file was put in its place while in use")
        return self._connection

    def _state(self, connection: sqlite3.Connection) -> StoredState:
        # Overrides change only with the revision, so an unmoved one saves reading them.
        revision, digest, epoch = connection.execute(
            "SELECT revision, config_digest, epoch FROM state"
        ).fetchone()
        if self._cached is None or self._cached.revision != revision:
            rows = connection.execute("SELECT flag, document FROM overrides")
            overrides = {flag: self._override(document) for flag, document in rows}
            self._cached = StoredState(revision, overrides, digest, epoch)
        return self._cached

    def _override(self, document: str) -> Override:
        try:
            return load_override(document)
        except ValueError as error:
            raise StoreError(f"{self._path}: holds what is no override") from error

    @contextlib.contextmanager
    def _unsynced(self) -> Iterator[sqlite3.Connection]:
        # SQLite takes the setting between transactions alone, so that no flip can be in it.
        with self._translated():
            connection = self._current()
            connection.execute("PRAGMA synchronous = NORMAL")
            try:
                with transaction(connection, "IMMEDIATE"):
                    yield connection
            finally:
                connection.execute("PRAGMA synchronous = FULL")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise StoreError(f"{self._path}: {error}") from error


def _write(connection: sqlite3.Connection, change: Change, revision: int) -> None:
    for flag, override in change.overrides.items():
        _write_override(connection, flag, override)
    if change.config_digest is not None:
        connection.execute("UPDATE state SET config_digest = ?", (change.config_digest,))
    connection.execute("UPDATE state SET revision = ?", (revision,))
    for entry in change.audit:
        _note(connection, entry, revision)


def _write_override(connection: sqlite3.Connection, flag: str, override: Override | None) -> None:
    if override is None:
        connection.execute("DELETE FROM overrides WHERE flag = ?", (flag,))
    else:
        row = (flag, dump_override(override))
        connection.execute("INSERT OR REPLACE INTO overrides VALUES (?, ?)", row)


def _note(connection: sqlite3.Connection, entry: AuditEntry, revision: int | None = None) -> None:
    texts = [whole_text(text) for text in (entry.by, entry.action, entry.flag, entry.reason)]
    changes = None if entry.changes is None else json.dumps(dict(entry.changes))
    made = entry.revision if revision is None else revision
    written = connection.execute(
        "INSERT INTO audit (at, by, action, flag, reason, changes, revision)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (entry.at, *texts, changes, made),
    )
    oldest = (written.lastrowid or 0) - MOST_AUDIT_ENTRIES
    connection.execute("DELETE FROM audit WHERE id <= ?", (oldest,))


def _entry(row: tuple[float, str, str, str, str, str | None, int, int]) -> AuditEntry:
    at, by, action, flag, reason, changes, revision, identifier = row
    decoded = None if changes is None else json.loads(changes)
    return AuditEntry(at, by, action, flag, reason, decoded, revision, identifier)


def _inode(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def _sync_directory(directory: Path) -> None:
    # Without it, a power cut may leave the new file without its name.
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

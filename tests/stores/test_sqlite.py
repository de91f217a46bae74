"""The embedded store on real files: the contract, several at once, and what goes wrong."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from gateway.stores.base import (
    AuditEntry,
    Change,
    RecordMoved,
    Store,
    StoredState,
    StoreError,
)
from gateway.stores.sqlite import SqliteStore
from tests.stores.contract import FULL, StoreContract, bare, writing

CHILD = Path(__file__).with_name("flipping_child.py")
FIRST_VERSION = (
    """CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL,
        config_digest TEXT NOT NULL)""",
    "CREATE TABLE overrides (flag TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE audit (id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL,
        by TEXT NOT NULL, action TEXT NOT NULL, flag TEXT NOT NULL, reason TEXT NOT NULL,
        changes TEXT, revision INTEGER NOT NULL)""",
    "INSERT INTO state VALUES (1, 7, 'abc')",
    "PRAGMA user_version = 1",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gateway store?.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    store = SqliteStore(path, busy=0.05, poll=0.01)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def other(store: Store, path: Path) -> AsyncIterator[Store]:
    other = SqliteStore(path, poll=0.01)
    await other.open()
    yield other
    await other.close()


@pytest.fixture
def shell(store: Store, path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


class TestSqliteStore(StoreContract):
    pass


async def test_a_file_is_durable_by_its_settings(store: SqliteStore) -> None:
    connection = store._file._connection
    assert connection is not None

    def settings() -> list[object]:
        names = ("journal_mode", "synchronous")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await store._run(settings) == ["wal", 2]


async def test_a_store_opened_again_knows_everything(store: Store, path: Path) -> None:
    before = await store.update(writing({"site": FULL}, digest="abc"))
    await store.close()
    again = SqliteStore(path)
    await again.open()
    assert await again.read() == before
    assert len(await again.audit(10)) == 1
    await again.close()


async def test_what_one_writes_the_other_reads(store: Store, other: Store) -> None:
    after = await store.update(writing({"site": FULL}))
    assert await other.read() == after
    after = await other.update(writing({"site": None}))
    assert await store.read() == after


async def test_one_wakes_when_the_other_writes(store: Store, other: Store) -> None:
    changes = store.changes()
    await asyncio.wait_for(anext(changes), 5)
    await other.update(writing({"site": FULL}))
    await asyncio.wait_for(anext(changes), 5)


async def test_two_stores_count_one_revision_together(store: Store, path: Path) -> None:
    patient = [SqliteStore(path), SqliteStore(path)]
    await asyncio.gather(*(each.open() for each in patient))

    async def flip(each: Store, name: str) -> None:
        for number in range(10):
            await each.update(writing({f"{name}{number}": FULL}))

    await asyncio.gather(*(flip(each, name) for each, name in zip(patient, "ab", strict=True)))
    after = await store.read()
    assert (after.revision, len(after.overrides)) == (20, 20)
    await asyncio.gather(*(each.close() for each in patient))


async def test_stores_that_create_one_file_together_all_open(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "new.db") for _ in range(4)]
    await asyncio.gather(*(each.open() for each in stores))
    assert [(await each.read()).revision for each in stores] == [0, 0, 0, 0]
    await asyncio.gather(*(each.close() for each in stores))


async def test_every_answered_flip_survives_a_killed_process(path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), f"sqlite:{path}", stdout=PIPE, cwd=Path.cwd()
    )
    assert child.stdout is not None
    for _ in range(20):
        assert await asyncio.wait_for(child.stdout.readline(), 30)
    child.kill()
    rest = await child.stdout.read()
    await child.wait()
    answered = 20 + rest.count(b"\n")
    store = SqliteStore(path)
    await store.open()
    state = await store.read()
    assert answered <= state.revision <= answered + 1
    assert state.overrides["site"].values == {"ttl": float(state.revision)}
    audit = await store.audit(100_000)
    assert [entry.revision for entry in audit] == list(range(state.revision, 0, -1))
    await store.close()


async def test_another_file_has_another_epoch(store: Store, tmp_path: Path) -> None:
    other = SqliteStore(tmp_path / "other.db")
    await other.open()
    assert (await other.read()).epoch != (await store.read()).epoch
    await other.close()


async def test_a_file_of_the_first_version_is_brought_up_to_date(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in FIRST_VERSION:
            connection.execute(statement)
    store = SqliteStore(path)
    await store.open()
    state = await store.read()
    assert bare(state) == StoredState(7, {}, "abc")
    assert (await store.put("member", "a", {})).beat == 1
    await store.close()
    await store.open()
    assert (await store.read()).epoch == state.epoch
    await store.close()


async def test_a_record_put_does_not_wait_for_the_disk_and_a_flip_after_it_does(
    store: SqliteStore,
) -> None:
    connection = store._file._connection
    assert connection is not None
    said: list[str] = []
    await store._run(connection.set_trace_callback, said.append)
    await store.put("member", "a", {})
    with pytest.raises(RecordMoved):
        await store.put("member", "a", {}, expect=5)
    await store.update(writing({"a": FULL}))
    levels = [line for line in said if "synchronous" in line]
    assert levels == ["PRAGMA synchronous = NORMAL", "PRAGMA synchronous = FULL"] * 2
    assert said.index(levels[-1]) < max(n for n, line in enumerate(said) if "BEGIN" in line)


# What goes wrong


async def test_a_locked_file_is_an_error_and_reads_go_on(
    store: Store, shell: sqlite3.Connection
) -> None:
    shell.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked"):
        await store.update(writing({"site": FULL}))
    with pytest.raises(StoreError, match="locked"):
        await store.record(AuditEntry(1.0, "bob", "refused", ""))
    assert (await store.read()).revision == 0
    shell.execute("ROLLBACK")
    assert (await store.update(writing({"site": FULL}))).revision == 1


async def test_a_full_disk_is_an_error_and_nothing_changed(store: SqliteStore) -> None:
    connection = store._file._connection
    assert connection is not None
    await store._run(lambda: connection.execute("PRAGMA max_page_count = 1").fetchone())
    before = await store.update(writing({"site": FULL}))
    entries = (AuditEntry(1.0, "ann", "flip", "site", "x" * 100_000),)
    with pytest.raises(StoreError, match="full"):
        await store.update(lambda _: Change({"site": None}, entries))
    assert await store.read() == before
    await store._run(lambda: connection.execute("PRAGMA max_page_count = 100000").fetchone())
    assert (await store.update(writing({"site": None}))).revision == before.revision + 1


async def test_a_file_that_cannot_be_written_is_an_error(store: SqliteStore) -> None:
    connection = store._file._connection
    assert connection is not None
    await store._run(lambda: connection.execute("PRAGMA query_only = 1"))
    with pytest.raises(StoreError, match="readonly"):
        await store.update(writing({"site": FULL}))
    assert (await store.read()).revision == 0


@pytest.mark.parametrize("content", [b"x" * 4096, b"SQLite format 3\0" + b"\xff" * 4096])
async def test_a_corrupt_file_is_an_error(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StoreError, match="gateway store"):
        await SqliteStore(path).open()
    assert path.read_bytes() == content


async def test_a_missing_directory_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open"):
        await SqliteStore(tmp_path / "nowhere" / "gateway.db").open()


async def test_a_database_of_something_else_is_left_alone(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (name TEXT)")
    with pytest.raises(StoreError, match="something else"):
        await SqliteStore(path).open()


async def test_a_later_version_is_left_alone(store: Store, shell: sqlite3.Connection) -> None:
    shell.execute("PRAGMA user_version = 99")
    path = Path(shell.execute("PRAGMA database_list").fetchone()[2])
    with pytest.raises(StoreError, match="later version"):
        await SqliteStore(path).open()


async def test_an_override_that_is_none_is_an_error(
    store: Store, shell: sqlite3.Connection
) -> None:
    shell.execute("INSERT INTO overrides VALUES ('site', '{\"digest\": 1}')")
    shell.execute("UPDATE state SET revision = 5")
    with pytest.raises(StoreError, match="no override"):
        await store.read()


async def test_a_file_moved_away_is_an_error_until_it_is_back(store: Store, path: Path) -> None:
    before = await store.update(writing({"site": FULL}))
    path.rename(path.with_suffix(".away"))
    with pytest.raises(StoreError):
        await store.update(writing({"site": None}))
    with pytest.raises(StoreError):
        await store.read()
    assert not path.exists()
    path.with_suffix(".away").rename(path)
    assert await store.read() == before


async def test_another_file_in_its_place_is_an_error(store: Store, path: Path) -> None:
    await store.update(writing({"site": FULL}))
    changes = store.changes()
    await asyncio.wait_for(anext(changes), 5)
    replacement = SqliteStore(path.with_name("fresh.db"))
    await replacement.open()
    await replacement.close()
    path.with_name("fresh.db").rename(path)
    await asyncio.wait_for(anext(changes), 5)
    with pytest.raises(StoreError, match="another file"):
        await store.read()
    with pytest.raises(StoreError, match="another file"):
        await store.update(writing({"site": None}))

"""Wakes between processes that share a file: heard at once, or else found by polling."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.stores.sqlite import SqliteStore
from gateway.stores.wakes import LONGEST_PATH
from tests.stores.contract import FULL, writing

CHILD = Path(__file__).with_name("flipping_child.py")
NEVER = 3600.0  # seconds: a poll that no test waits for


@pytest.fixture
def path() -> Iterator[Path]:
    # Not tmp_path, which may be too long for a socket.
    with TemporaryDirectory() as folder:
        yield Path(folder) / "gateway.db"


@pytest.fixture
def folder(path: Path) -> Path:
    return path.with_name("gateway.db-wake")


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, poll=NEVER)
    await store.open()
    yield store
    await store.close()


async def heard(store: SqliteStore, writer: SqliteStore) -> None:
    changes = store.changes()
    await asyncio.wait_for(anext(changes), 5)
    waiting = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)
    await writer.put("member", "a", {})
    await asyncio.wait_for(waiting, 5)


async def test_a_write_of_another_process_wakes_at_once(store: SqliteStore, path: Path) -> None:
    changes = store.changes()
    await asyncio.wait_for(anext(changes), 5)
    child = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), f"sqlite:{path}", stdout=PIPE, cwd=Path.cwd()
    )
    try:
        await asyncio.wait_for(anext(changes), 30)
        assert (await store.read()).revision > 0
    finally:
        child.kill()
        await child.communicate()


async def test_every_kind_of_write_wakes_the_other_store(store: SqliteStore, path: Path) -> None:
    other = SqliteStore(path, poll=NEVER)
    await other.open()
    changes = store.changes()
    await asyncio.wait_for(anext(changes), 5)
    for write in (
        other.update(writing({"a": FULL})),
        other.put("member", "a", {}),
        other.drop("member", "a"),
    ):
        waiting = asyncio.ensure_future(anext(changes))
        await write
        await asyncio.wait_for(waiting, 5)
    await other.close()


async def test_the_socket_is_its_owners_alone_and_goes_with_the_store(
    store: SqliteStore, folder: Path
) -> None:
    (ear,) = folder.iterdir()
    assert ear.is_socket()
    assert (folder.stat().st_mode & 0o777, ear.stat().st_mode & 0o777) == (0o700, 0o600)
    await store.close()
    assert not folder.exists()


async def test_stores_that_come_and_go_together_all_hear(path: Path, folder: Path) -> None:
    stores = [SqliteStore(path, poll=NEVER) for _ in range(4)]
    for each in stores:
        await each.open()
    await asyncio.gather(*(each.close() for each in stores[2:]))
    await heard(*stores[:2])
    await asyncio.gather(*(each.close() for each in stores[:2]))
    assert not folder.exists()


async def test_a_socket_of_a_killed_process_is_taken_away(store: SqliteStore, folder: Path) -> None:
    stale = folder / "1-dead"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as dead:
        dead.bind(str(stale))
    await store.put("member", "a", {})
    assert not stale.exists()
    assert len(list(folder.iterdir())) == 1


async def test_a_store_that_does_not_listen_never_stops_a_writer(
    store: SqliteStore, folder: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf:
        deaf.bind(str(folder / "1-deaf"))
        for _ in range(2_000):  # more than any system keeps waiting
            store._wakes.send()
        assert (await store.put("member", "a", {})).beat == 1
        assert (folder / "1-deaf").exists()


async def test_a_path_too_long_for_a_socket_is_replaced_by_a_short_one(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * LONGEST_PATH)
    deep.mkdir()
    stores = [SqliteStore(deep / "gateway.db", poll=NEVER) for _ in range(2)]
    for each in stores:
        await each.open()
    short = stores[0]._wakes._folder
    assert short is not None
    assert short.parent == Path("/tmp")  # noqa: S108 where it is to be
    await heard(*stores)
    for each in stores:
        await each.close()
    assert not short.exists()


async def test_two_spellings_of_one_path_meet(store: SqliteStore, path: Path) -> None:
    link = path.with_name("link.db")
    link.symlink_to(path)
    other = SqliteStore(link, poll=NEVER)
    await other.open()
    await heard(store, other)
    await other.close()


async def test_without_sockets_the_file_is_polled(path: Path, folder: Path) -> None:
    folder.write_text("in the way")
    stores = [SqliteStore(path, poll=0.01) for _ in range(2)]
    for each in stores:
        await each.open()
    await heard(*stores)
    for each in stores:
        await each.close()


async def test_a_folder_of_somebody_else_is_not_used(path: Path, folder: Path) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    store = SqliteStore(path)
    await store.open()
    assert list(folder.iterdir()) == []
    await store.close()

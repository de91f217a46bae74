"""The store of several machines on a real server: the contract, and what goes wrong."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from gateway.config.redis_address import parse_redis_address
from gateway.stores.base import (
    AuditEntry,
    Change,
    Edit,
    Store,
    StoredState,
    StoreError,
    Unconfirmed,
)
from gateway.stores.redis import RedisStore
from tests.stores.contract import FULL, StoreContract, writing
from tests.support.redis_server import RedisServer

CHILD = Path(__file__).with_name("flipping_child.py")
NEVER = 3600.0  # seconds: a poll that no test waits for
SHORT = "timeout=400ms"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """One that the test may kill or freeze."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[RedisStore]:
    store = RedisStore(parse_redis_address(url), poll=NEVER)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[Store]:
    server.command("FLUSHALL")
    async with opened(server.url) as store:
        yield store


class TestRedisStore(StoreContract):
    pass


async def woken(changes: AsyncIterator[None]) -> None:
    await asyncio.wait_for(anext(changes), 10)


async def subscribed(server: RedisServer, stores: int) -> None:
    wanted = f":{stores}\r\n".encode()
    await asyncio.to_thread(server.until, "PUBSUB NUMSUB {gateway}:changes", wanted)


async def until_read(store: Store) -> StoredState:
    async with asyncio.timeout(60):
        while True:
            try:
                return await store.read()
            except StoreError:
                await asyncio.sleep(0.02)


# Several at once


async def test_two_stores_count_one_revision_together(server: RedisServer, store: Store) -> None:
    def adding(name: str) -> Edit:
        return lambda state: Change({f"{name}{state.revision}": FULL})

    async with opened(server.url) as other:
        tries = [each.update(adding(n)) for n in "abcdefghij" for each in (store, other)]
        await asyncio.gather(*tries)
        after = await other.read()
        assert (after.revision, len(after.overrides)) == (20, 20)
        assert await store.read() == after


async def test_what_one_writes_wakes_the_other_and_is_read_by_it(
    server: RedisServer, store: Store
) -> None:
    async with opened(server.url) as other:
        await subscribed(server, 2)
        changes = other.changes()
        await woken(changes)
        for write in (
            store.update(writing({"site": FULL})),
            store.put("member", "a", {"n": 1}),
            store.drop("member", "a"),
        ):
            await write
            await woken(changes)
        assert await other.read() == await store.read()


async def test_a_write_of_another_process_wakes(server: RedisServer, store: Store) -> None:
    await subscribed(server, 1)
    changes = store.changes()
    await woken(changes)
    async with child(server):
        await asyncio.wait_for(anext(changes), 30)
        assert (await store.read()).revision > 0


async def test_without_a_push_it_wakes_by_itself(server: RedisServer) -> None:
    store = RedisStore(parse_redis_address(server.url), poll=0.01)
    await store.open()
    changes = store.changes()
    for _ in range(5):
        await woken(changes)
    await store.close()


async def test_prefixes_keep_stores_apart(server: RedisServer, store: Store) -> None:
    await store.update(writing({"site": FULL}))
    async with opened(f"{server.url}?prefix=other") as other:
        assert (await other.read()).revision == 0
        await other.put("member", "a", {})
        assert await store.records("member") == []
    assert server.command("EXISTS {other}:state {other}:records:member") == b":2\r\n"


@asynccontextmanager
async def child(server: RedisServer) -> AsyncIterator[asyncio.subprocess.Process]:
    """Another process that flips for ever, and prints each revision that was answered."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CHILD), server.url, stdout=PIPE, stderr=PIPE, cwd=Path.cwd()
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


# History


async def test_a_flushed_server_has_another_epoch(server: RedisServer, store: Store) -> None:
    before = await store.update(writing({"site": FULL}))
    server.command("FLUSHALL")
    after = await store.read()
    assert (after.revision, dict(after.overrides)) == (0, {})
    assert after.epoch != before.epoch
    assert await store.read() == after


async def test_a_lost_write_that_was_replaced_renews_the_epoch_for_all(
    server: RedisServer, store: Store
) -> None:
    # What a failover does to a write that no replica had: the revision is there, by another.
    async with opened(server.url) as other:
        await store.update(writing({"a": FULL}))
        seen = await store.update(writing({"lost": FULL}))
        await other.read()
        for command in (
            "HDEL {gateway}:state flag:lost",
            "HSET {gateway}:state revision 1 change x token x",
            "DEL {gateway}:trail",
            "HSET {gateway}:trail 1 x",
        ):
            server.command(command)
        async with opened(server.url) as third:
            await third.update(writing({"b": FULL}))
            after = await third.update(writing({"c": FULL}))
            assert after.epoch == seen.epoch
            alarmed = await store.read()
            assert alarmed == replace(after, epoch=alarmed.epoch)
            assert alarmed.epoch != seen.epoch
            assert (await other.read()).epoch == alarmed.epoch  # it saw the same: once is enough
            assert (await third.read()).epoch == alarmed.epoch


async def test_a_later_version_is_left_alone(server: RedisServer, store: Store) -> None:
    server.command("HSET {gateway}:state format 99")
    with pytest.raises(StoreError, match="later version"):
        async with opened(server.url):
            pass
    server.command("FLUSHALL")


async def test_no_override_is_an_error(server: RedisServer, store: Store) -> None:
    server.command("HSET {gateway}:state flag:site {} change other")
    with pytest.raises(StoreError, match="no override"):
        await store.read()


# Servers that go away


async def test_every_answered_flip_survives_a_killed_server(own_server: RedisServer) -> None:
    async with child(own_server) as process:
        assert process.stdout is not None
        answered = 0
        for _ in range(20):
            answered = int(await asyncio.wait_for(process.stdout.readline(), 30))
        own_server.kill()
        answered = [answered, *map(int, (await process.communicate())[0].split())][-1]
    own_server.start()
    async with opened(own_server.url) as store:
        state = await store.read()
        assert answered <= state.revision <= answered + 1
        assert state.overrides["site"].values == {"ttl": float(state.revision)}
        audit = await store.audit(100_000)
        assert [entry.revision for entry in audit] == list(range(state.revision, 0, -1))


async def test_a_killed_server_is_an_error_at_once_and_used_again_when_back(
    own_server: RedisServer,
) -> None:
    async with opened(own_server.url) as store:
        before = await store.update(writing({"site": FULL}))
        await subscribed(own_server, 1)
        changes = store.changes()
        await woken(changes)
        own_server.kill()
        await woken(changes)  # losing it is a change
        began = monotonic()
        for attempt in (
            store.read(),
            store.update(writing({"a": FULL})),
            store.put("member", "a", {}),
            store.records("member"),
            store.record(AuditEntry(1.0, "bob", "refused", "")),
        ):
            with pytest.raises(StoreError, match=str(own_server.port)) as caught:
                await attempt
            assert not isinstance(caught.value, Unconfirmed)  # it was never sent
        assert monotonic() - began < 2
        own_server.start()
        assert await until_read(store) == before
        async with opened(own_server.url) as other:
            while (await other.read()).revision < 3:
                await other.update(writing({"a": FULL}))
                await woken(changes)  # subscribed again
        assert (await store.update(writing({"site": None}))).revision == 4


async def test_a_frozen_server_is_an_error_in_bounded_time(own_server: RedisServer) -> None:
    async with opened(f"{own_server.url}?{SHORT}") as store:
        await store.put("member", "a", {})
        own_server.freeze()
        try:
            for attempt in (
                store.read(),
                store.update(writing({"a": FULL})),
                store.put("member", "a", {}),
                store.audit(1),
            ):
                began = monotonic()
                with pytest.raises(StoreError):
                    await attempt
                assert monotonic() - began < 2
        finally:
            own_server.thaw()
        assert (await until_read(store)).revision == 0
        assert (await store.update(writing({"a": FULL}))).revision == 1


async def test_flips_at_a_frozen_server_do_not_queue_without_end(own_server: RedisServer) -> None:
    async with opened(f"{own_server.url}?{SHORT}") as store:
        own_server.freeze()
        began = monotonic()
        flips = [store.update(writing({"a": FULL})) for _ in range(50)]
        try:
            results = await asyncio.gather(*flips, return_exceptions=True)
        finally:
            own_server.thaw()
        assert all(isinstance(result, StoreError) for result in results)
        assert monotonic() - began < 6


async def test_opening_a_frozen_server_is_an_error(own_server: RedisServer) -> None:
    own_server.freeze()
    try:
        with pytest.raises(StoreError):
            async with opened(f"{own_server.url}?{SHORT}"):
                pass
    finally:
        own_server.thaw()


# Answers that are lost


@asynccontextmanager
async def losing_answers(server: RedisServer) -> AsyncIterator[Relay]:
    relay = Relay(server)
    listening = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.port = listening.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        listening.close()
        for writer in relay.writers:
            writer.close()


class Relay:
    """Between a store and its server: ``lose`` cuts before or after what holds that text."""

    def __init__(self, server: RedisServer) -> None:
        self.port = 0
        self.lose: bytes | None = None
        self.late: bytes | None = None  # keep this back, cut, and pass it on later
        self.kept: tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes] | None = None
        self.down = False
        self.writers: list[asyncio.StreamWriter] = []
        self._server = server

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        if self.down:
            writer.close()
            return
        far_reader, far = await asyncio.open_connection("127.0.0.1", self._server.port)
        self.writers.append(far)
        answers = asyncio.create_task(pump(far_reader, writer))
        while data := await reader.read(1 << 20):
            if self.late is not None and self.late in data:
                self.late = None
                answers.cancel()
                await asyncio.wait([answers])
                self.kept = (far_reader, far, data)
                break
            if self.lose is not None and self.lose in data:
                self.lose = None
                answers.cancel()
                await asyncio.wait([answers])
                far.write(data)
                await far_reader.read(1 << 20)  # it was made, and nobody will hear of it
                break
            far.write(data)
        writer.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 20):
        writer.write(data)
    writer.close()


UPDATE_MARK = b"HDEL', trail"  # in the script of a change alone


async def test_a_change_whose_answer_is_lost_is_found_to_be_made(
    server: RedisServer, store: Store
) -> None:
    async with losing_answers(server) as relay, opened(f"redis://127.0.0.1:{relay.port}") as far:
        relay.lose = UPDATE_MARK
        after = await far.update(writing({"site": FULL}))
        assert relay.lose is None
        assert after.revision == 1
        assert await far.read() == after == await store.read()
        assert len(await store.audit(10)) == 1


async def test_a_change_that_did_not_arrive_is_made_once_even_if_it_arrives_later(
    server: RedisServer, store: Store
) -> None:
    async with losing_answers(server) as relay, opened(f"redis://127.0.0.1:{relay.port}") as far:
        relay.late = UPDATE_MARK
        after = await far.update(writing({"site": FULL}))
        assert after.revision == 1
        assert relay.kept is not None
        reader, writer, data = relay.kept
        writer.write(data)
        assert await asyncio.wait_for(reader.read(100), 10) == b"*1\r\n:0\r\n"
        assert await store.read() == after
        assert len(await store.audit(10)) == 1


async def test_a_change_that_cannot_be_asked_after_may_have_been_made(
    server: RedisServer, store: Store
) -> None:
    async with (
        losing_answers(server) as relay,
        opened(f"redis://127.0.0.1:{relay.port}?{SHORT}") as far,
    ):
        await subscribed(server, 2)  # on a connection of its own
        await far.read()
        relay.lose = UPDATE_MARK
        relay.down = True
        began = monotonic()
        with pytest.raises(Unconfirmed, match="may have been made"):
            await far.update(writing({"site": FULL}))
        assert monotonic() - began < 4
        assert (await store.read()).revision == 1
        relay.down = False
        assert (await until_read(far)).revision == 1


async def test_a_record_whose_answer_is_lost_may_have_been_written(
    server: RedisServer, store: Store
) -> None:
    async with losing_answers(server) as relay, opened(f"redis://127.0.0.1:{relay.port}") as far:
        relay.lose = b"unmistakable"
        with pytest.raises(Unconfirmed, match="may have been written"):
            await far.put("member", "unmistakable", {})
        assert [record.beat for record in await store.records("member")] == [1]

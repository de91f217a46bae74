"""Redis as it is really deployed: passwords, TLS, sockets, replicas, Sentinel."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from gateway.stores import open_store
from gateway.stores.base import Store, StoreError, Unconfirmed
from tests.stores.contract import FULL, writing
from tests.support.ports import free_port
from tests.support.redis_server import RedisServer, Sentinel

AT_ONCE = ("--repl-diskless-sync-delay", "0")  # a replica waits no 5 s for others to join it

Start = Callable[..., RedisServer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[RedisServer] = []

    def start(*settings: str) -> RedisServer:
        server = RedisServer(tmp_path / f"redis{len(started)}", *settings)
        started.append(server)
        server.start()
        return server

    yield start
    for server in started:
        server.kill()


@asynccontextmanager
async def opened(url: str) -> AsyncIterator[Store]:
    store = open_store(url)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def works(url: str) -> None:
    async with opened(url) as store:
        before = await store.read()
        after = await store.update(writing({"site": FULL}))
        assert after.revision == before.revision + 1
        changes = store.changes()
        for _ in range(2):
            await asyncio.wait_for(anext(changes), 10)
            await store.put("member", "a", {})


async def refused(url: str, message: str) -> str:
    with pytest.raises(StoreError, match=message) as caught:
        async with opened(url):
            pass
    return str(caught.value)


async def test_a_password_is_needed_and_never_shown(start: Start) -> None:
    server = start()
    server.command("ACL SETUSER gate on >s3c/ret ~{gateway}:* &{gateway}:* +@all")
    server.command("ACL SETUSER default off")
    await works(f"redis://gate:s3c%2Fret@127.0.0.1:{server.port}")
    said = await refused(f"redis://gate:wr0ng@127.0.0.1:{server.port}", "invalid username-password")
    assert "wr0ng" not in said
    await refused(server.url, "(?i)authentication required")


async def test_a_socket_and_the_number_of_a_database(start: Start) -> None:
    with TemporaryDirectory() as folder:  # tmp_path may be too long for a socket
        server = start("--unixsocket", f"{folder}/redis.sock")
        await works(f"redis+unix://{folder}/redis.sock?db=3")
    await works(f"redis://127.0.0.1:{server.port}/3")
    async with opened(f"redis://127.0.0.1:{server.port}/3") as store:
        assert (await store.read()).revision == 2
    async with opened(server.url) as store:
        assert (await store.read()).revision == 0


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    return tmp_path / "cert.pem"


async def test_tls_is_checked_in_both_directions(start: Start, certificate: Path) -> None:
    key, port = certificate.with_name("key.pem"), free_port()
    start(
        "--tls-port", str(port), "--tls-cert-file", str(certificate),
        "--tls-key-file", str(key), "--tls-ca-cert-file", str(certificate),
    )  # fmt: skip
    ours = f"cert={certificate}&key={key}"
    await works(f"rediss://localhost:{port}?ca={certificate}&{ours}")
    await works(f"rediss://127.0.0.1:{port}?ca={certificate}&{ours}&verify=ca")
    await works(f"rediss://127.0.0.1:{port}?{ours}&verify=none")
    await refused(f"rediss://127.0.0.1:{port}?ca={certificate}&{ours}", "not valid for '127.0.0.1'")
    await refused(f"rediss://localhost:{port}?{ours}", "self-signed")
    await refused(f"rediss://localhost:{port}?ca={certificate}", "redis localhost")
    await refused(f"redis://localhost:{port}", "redis localhost")


# Replicas


async def test_a_write_waits_for_the_replicas_asked_for(start: Start) -> None:
    master = start(*AT_ONCE)
    replica = start("--replicaof", "127.0.0.1", str(master.port))
    asked = f"{master.url}?wait=1&wait_timeout=500ms"
    replicating(master, replica)
    async with opened(asked) as store, opened(master.url) as other:
        await replicated(store)
        assert (await store.update(writing({"a": FULL}))).revision == 1
        replica.freeze()
        with pytest.raises(Unconfirmed, match="is made, but not replicated: 0 of 1 replicas"):
            await store.update(writing({"b": FULL}))
        with pytest.raises(Unconfirmed, match="not replicated"):
            await store.put("member", "a", {})
        assert (await other.read()).revision == 2
        assert len(await other.records("member")) == 1
        assert (await other.update(writing({"c": FULL}))).revision == 3
        replica.thaw()
        await replicated(store)


async def test_a_replica_is_refused(start: Start) -> None:
    master = start(*AT_ONCE)
    replica = start("--replicaof", "127.0.0.1", str(master.port))
    replicating(master, replica)
    await refused(replica.url, "(?i)read only replica")


async def test_too_few_replicas_for_the_server_refuse_the_write(start: Start) -> None:
    server = start()
    async with opened(server.url) as store:
        server.command("CONFIG SET min-replicas-to-write 1")
        with pytest.raises(StoreError, match=r"(?i)not enough good replicas") as caught:
            await store.update(writing({"a": FULL}))
        assert not isinstance(caught.value, Unconfirmed)
        assert (await store.read()).revision == 0


async def replicated(store: Store) -> None:
    # A replica that has just come, or come back, takes a second to acknowledge anything.
    async with asyncio.timeout(60):
        while True:
            try:
                await store.put("warm", "up", {})
            except Unconfirmed:
                continue
            return


def replicating(master: RedisServer, replica: RedisServer) -> None:
    master.until("INFO replication", b"state=online")
    replica.until("INFO replication", b"master_link_status:up")


async def test_a_failover_is_followed_and_history_kept(start: Start, tmp_path: Path) -> None:
    master = start(*AT_ONCE)
    replica = start("--replicaof", "127.0.0.1", str(master.port))
    replicating(master, replica)
    sentinel = Sentinel(tmp_path / "sentinel", master.port)
    sentinel.start()
    try:
        sentinel.until("SENTINEL replicas main", f"{replica.port}".encode())
        url = f"redis+sentinel://127.0.0.1:1,127.0.0.1:{sentinel.port}/main/0?timeout=1s&wait_timeout=500ms"
        async with opened(f"{url}&wait=1") as store:
            await replicated(store)
            before = await store.update(writing({"site": FULL}))
        async with opened(url) as store:
            changes = store.changes()
            master.kill()
            async with asyncio.timeout(60):
                async for _ in changes:
                    try:
                        after = await store.update(writing({"b": FULL}))
                    except StoreError:
                        continue
                    break
            assert (after.revision, after.epoch) == (before.revision + 1, before.epoch)
        assert replica.command("HEXISTS {gateway}:state flag:b") == b":1\r\n"
    finally:
        sentinel.kill()

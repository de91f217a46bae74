"""Connections to one Redis: every answer, or a ``StoreError``, within a bounded time.

Nothing is ever sent twice. An error before a command was sent, and one that the server
answers, leave nothing changed; a connection that breaks or keeps silent after it was sent is
``AnswerLost``: the caller decides what that means. The next command connects anew.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from redis.asyncio.connection import (
    AbstractConnection,
    Connection,
    ConnectionPool,
    SSLConnection,
    UnixDomainSocketConnection,
)
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from gateway.config.redis_address import RedisAddress, RedisTls
from gateway.stores.base import StoreError, Unconfirmed

_KEEPALIVE = {"socket_keepalive": True}


class AnswerLost(StoreError):  # noqa: N818 what became of the answer
    """The command was sent, and no answer came."""


class RedisLink:
    """Commands, and messages of one channel. ``close`` may be followed by more of them."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._sentinel = _sentinel(address) if address.service else None
        self._pool = _pool(address, self._sentinel)

    async def close(self) -> None:
        """Drop all connections; what waits for an answer gets ``StoreError``."""
        await self._pool.disconnect()
        for one in self._sentinel.sentinels if self._sentinel else ():
            await one.aclose()

    async def call(self, *command: str | bytes | int) -> Any:
        """The server's answer, strings as bytes. Raises ``StoreError``, also ``AnswerLost``."""
        return await self._exchange(command, replicas=0)

    async def write(self, *command: str | bytes | int) -> Any:
        """As ``call``, of a script whose answer begins with 1 where it has written.

        Where the address asks for replicas, returns once so many have the write. Raises
        ``Unconfirmed`` if they do not in time: it is made then, on one server alone.
        """
        return await self._exchange(command, replicas=self._address.wait)

    async def messages(self, channel: str) -> AsyncGenerator[None]:
        """Yields once subscribed, then for each message. Raises ``StoreError`` when it breaks."""
        connection = await self._connected()
        try:
            await connection.send_command("SUBSCRIBE", channel)
            async for answer in self._answers(connection):
                if answer[0] in {b"subscribe", b"message"}:
                    yield
        except (RedisError, OSError) as error:
            raise self._error(error) from error
        finally:
            await self._release(connection, broken=True)

    async def _answers(self, connection: AbstractConnection) -> AsyncGenerator[list[bytes]]:
        # A silent connection is asked whether it is still there: one whose other end has
        # vanished would stay silent for ever.
        asked = False
        while True:
            answer = await connection.read_response(timeout=self._address.timeout)
            if answer is None and asked:
                raise StoreError(f"{self._address}: does not answer")
            asked = answer is None
            if asked:
                await connection.send_command("PING")
            else:
                yield answer

    async def _exchange(self, command: tuple[str | bytes | int, ...], replicas: int) -> Any:
        connection = await self._connected()
        broken = True
        try:
            async with asyncio.timeout(2 * self._address.timeout):
                await connection.send_command(*command)
                answer = await connection.read_response()
                if replicas and answer[0] == 1:
                    await self._replicated(connection, replicas)
            broken = False
        except (ResponseError, Unconfirmed) as error:
            broken = False
            if isinstance(error, Unconfirmed):
                raise
            raise self._error(error) from error
        except (RedisError, OSError) as error:
            raise AnswerLost(f"{self._address}: {_reason(error)}") from error
        else:
            return answer
        finally:
            await self._release(connection, broken=broken)

    async def _replicated(self, connection: AbstractConnection, replicas: int) -> None:
        milliseconds = round(1000 * self._address.wait_timeout)
        try:
            await connection.send_command("WAIT", replicas, milliseconds)
            acknowledged = await connection.read_response()
        except (RedisError, OSError) as error:
            raise Unconfirmed(
                f"{self._address}: the change is made, but not known to be replicated: "
                f"{_reason(error)}"
            ) from error
        if acknowledged < replicas:
            raise Unconfirmed(
                f"{self._address}: the change is made, but not replicated: {acknowledged} of "
                f"{replicas} replicas have it after {milliseconds} ms"
            )

    async def _connected(self) -> AbstractConnection:
        try:
            async with asyncio.timeout(2 * self._address.timeout):
                connection: AbstractConnection = await self._pool.get_connection()  # type: ignore[no-untyped-call]
                return connection
        except (RedisError, OSError) as error:
            raise self._error(error) from error

    async def _release(self, connection: AbstractConnection, *, broken: bool) -> None:
        if broken:  # an answer may still come, which would be taken for the next command's
            await connection.disconnect(nowait=True)
        await self._pool.release(connection)

    def _error(self, error: Exception) -> StoreError:
        return StoreError(f"{self._address}: {_reason(error)}")


def _reason(error: Exception) -> str:
    return str(error) or "no answer in time"


def _pool(address: RedisAddress, sentinel: Sentinel | None) -> ConnectionPool:
    options: dict[str, Any] = {
        "db": address.db,
        **_credentials(address.username, address.password),
        **_limits(address.timeout),
    }
    if sentinel is not None:
        tls = _tls(address.tls) if address.tls else {}
        return SentinelConnectionPool(  # type: ignore[no-untyped-call]
            address.service, sentinel, **options, **tls, **_KEEPALIVE
        )
    if address.socket is not None:
        return ConnectionPool(
            connection_class=UnixDomainSocketConnection, path=address.socket, **options
        )
    host, port = address.hosts[0]
    where: dict[str, Any] = {"host": host, "port": port, **_KEEPALIVE}
    if address.tls is None:
        return ConnectionPool(connection_class=Connection, **where, **options)
    tls = _tls(address.tls)
    del tls["ssl"]
    return ConnectionPool(connection_class=SSLConnection, **where, **options, **tls)


def _sentinel(address: RedisAddress) -> Sentinel:
    # Each in turn is asked who the master is; all of them together in the time of one answer.
    options = {
        **_credentials(address.sentinel_username, address.sentinel_password),
        **_limits(address.timeout / len(address.hosts)),
        **(_tls(address.tls) if address.tls else {}),
    }
    return Sentinel(address.hosts, sentinel_kwargs=options)  # type: ignore[no-untyped-call]


def _credentials(username: str | None, password: str | None) -> dict[str, Any]:
    return {"username": username, "password": password}


def _limits(timeout: float) -> dict[str, Any]:
    return {
        "socket_timeout": timeout,
        "socket_connect_timeout": timeout,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
    }


def _tls(tls: RedisTls) -> dict[str, Any]:
    def path(file: object) -> str | None:
        return None if file is None else str(file)

    return {
        "ssl": True,
        "ssl_ca_certs": path(tls.ca),
        "ssl_certfile": path(tls.cert),
        "ssl_keyfile": path(tls.key),
        "ssl_cert_reqs": "none" if tls.verify == "none" else "required",
        "ssl_check_hostname": tls.verify == "full",
    }

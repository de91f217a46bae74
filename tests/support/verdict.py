"""What became of a vector: complaints of the app that got it, and of the client that sent it."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from tests.support.smuggling_vectors import Vector
from tests.support.strict_app import StrictApp
from tests.support.strict_http import Spelled, UnspelledError, read_answer
from tests.support.wire import RawClient, head, turns

Connect = Callable[[], Awaitable[RawClient]]
Send = Callable[[RawClient, bytes], Awaitable[None]]

AFTER = b"GET /after HTTP/1.1"
_AFTER = head(AFTER, b"Host: a", b"Connection: close")


async def at_once(client: RawClient, data: bytes) -> None:
    await client.send(data)


async def byte_by_byte(client: RawClient, data: bytes) -> None:
    with contextlib.suppress(ConnectionError):  # refused already, and nobody listens
        for at in range(len(data)):
            client.try_send(data[at : at + 1])
            await turns(1)


def cut_at(place: int) -> Send:
    async def send(client: RawClient, data: bytes) -> None:
        await client.send(data[:place])
        await turns(4)
        with contextlib.suppress(ConnectionError):
            client.try_send(data[place:])

    return send


async def verdict(
    vector: Vector, app: StrictApp, connect: Connect, send: Send = at_once
) -> list[str]:
    """Send the vector, and then be the next visitor; an empty list: all is well."""
    app.seen.clear()
    app.complaints.clear()
    client = await connect()
    await send(client, vector.data if vector.status else vector.data + _AFTER)
    wanted = [*vector.seen] if vector.status else [*vector.seen, (AFTER, b"")]
    complaints = await _complaints_of_client(vector, client, [line for line, _ in wanted])
    client.close()
    seen = [(request.line, request.body) for request in app.seen]
    if seen != wanted:
        complaints.append(f"the app saw {seen!r}")
    complaints += app.complaints
    complaints += await complaints_of_next(app, connect)
    return [f"{vector.name}: {complaint}" for complaint in complaints]


async def _complaints_of_client(vector: Vector, client: RawClient, lines: list[bytes]) -> list[str]:
    try:
        data = await client.rest()
    except (AssertionError, ConnectionResetError) as error:
        return [repr(error)]
    complaints = []
    try:
        for line in lines:
            answer, data = final_answer(data, line)
            if answer.status != 200 or answer.body not in {b"", line.split(b" ")[1]}:
                complaints.append(f"{line!r} was answered {answer.line!r} {answer.body[:80]!r}")
        if vector.status is not None:
            answer, data = read_answer(data, closed=True)
            if answer.status != vector.status or answer.all(b"connection") != [b"close"]:
                complaints.append(f"refused by {answer.line!r} {answer.all(b'connection')!r}")
        if data:
            complaints.append(f"then came {data[:80]!r}")
    except UnspelledError as error:
        complaints.append(str(error))
    return complaints


def final_answer(data: bytes, line: bytes) -> tuple[Spelled, bytes]:
    """The final answer to a request."""
    while True:
        answer, data = read_answer(data, bodyless=line.startswith(b"HEAD"), closed=True)
        if answer.status >= 200:
            return answer, data


async def complaints_of_next(app: StrictApp, connect: Connect) -> list[str]:
    before, client = len(app.seen), await connect()
    await client.send(head(b"GET /next HTTP/1.1", b"Host: a"))
    client.half_close()
    try:
        answer, rest = read_answer(await client.rest(), closed=True)
    except (AssertionError, ConnectionResetError, UnspelledError) as error:
        return [f"the next visitor had {error!r}"]
    finally:
        client.close()
    if (answer.body, rest, len(app.seen)) != (b"/next", b"", before + 1):
        return [f"the next visitor had {answer.line!r} {answer.body[:80]!r} {rest[:80]!r}"]
    return []

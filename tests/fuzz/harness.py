"""What may never happen, whatever comes: one function for each way in, given any bytes.

Each raises where something escapes it: an exception that is not the room's own, a result that
depends on where the stream was cut, work out of proportion. Hypothesis and atheris both call them.
"""

from __future__ import annotations

import asyncio
import re
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from random import Random
from typing import TypeVar

from gateway.config import ConfigErrors, load
from gateway.core.flags import IdentitySource
from gateway.core.identity import compile_source
from gateway.core.paths import PatternError, compile_path
from gateway.core.readings import read_targets
from gateway.proxy.wire.body import ChunkedBody
from gateway.proxy.wire.errors import FramingError
from tests.support.flags import flag
from tests.support.wireless import World

T = TypeVar("T")

SECONDS = 2.0  # of CPU: what is linear takes milliseconds for the few KiB that come here
ASK = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
_STATUS = re.compile(rb"HTTP/1\.1 ([0-9]{3}) ")
_DATE = re.compile(rb"Date: [^\r]*\r\n")
_READERS = (
    compile_source(IdentitySource("cookie", "uid")),
    compile_source(IdentitySource("header", "X-User-Id")),
)


def request(data: bytes) -> None:
    """A client's bytes: the same answers and the same requests to the app, however they are cut."""
    results = asyncio.run(_each(_asked, data))
    assert all(result == results[0] for result in results), results


def answer(data: bytes) -> None:
    """An app's bytes: an answer that was whole is so however it is cut, byte for byte."""
    results = asyncio.run(_each(_answered, data))
    whole = [result for result in results if result is not None]
    assert not whole or all(result == whole[0] for result in results), results


def chunks(data: bytes) -> None:
    """A chunked body: whole or broken, the same however it is cut; what goes on is canonical."""
    results = [_unchunked(pieces) for pieces in _cuts(data)]
    assert all(result == results[0] for result in results), results
    if results[0] is not None:
        again = _unchunked([results[0][0]])
        assert again == (results[0][0], b""), again


def paths(data: bytes) -> None:
    """A pattern and, in the next line, a target: never slow, and no reading without its slash."""
    pattern, _, target = data.partition(b"\n")
    started = time.process_time()
    readings = read_targets(target)
    assert readings.exact
    assert all(reading.startswith("/") for reading in readings.exact)
    text = pattern.decode("utf-8", "replace")
    if not text.strip().startswith("~"):  # the operator's own expression costs what it costs
        try:
            compiled = compile_path(text)
        except PatternError:
            return
        for exact, folded in zip(readings.exact, readings.folded, strict=True):
            compiled.generous(folded)
            compiled.strict(exact)
    assert time.process_time() - started < SECONDS


def config(data: bytes) -> None:
    """A configuration: settings, or errors that can be printed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_bytes(data)
        assert all(line.isprintable() for line in _errors_of(path))


def identity(data: bytes) -> None:
    """Field lines: every user has a name that can be hashed, written and is not empty."""
    lines = [line.partition(b":")[::2] for line in data.split(b"\n")]
    started = time.process_time()
    for reader in _READERS:
        for user in reader.read(lines):
            assert user
            user.encode()
    assert time.process_time() - started < SECONDS


HARNESSES: dict[str, Callable[[bytes], None]] = {
    "request": request,
    "answer": answer,
    "chunks": chunks,
    "paths": paths,
    "config": config,
    "identity": identity,
}


def _errors_of(path: Path) -> list[str]:
    try:
        load(path, {"A": "a"})
    except ConfigErrors as errors:
        return [str(error) for error in errors.errors]
    return []


def _cuts(data: bytes) -> Iterator[list[bytes]]:
    """Whole, byte by byte, and at some places that the same bytes always give."""
    yield [data]
    random = Random(data)
    places = sorted(random.randint(0, len(data)) for _ in range(3))
    yield [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True) if a < b]
    if len(data) < 400:
        yield [data[i : i + 1] for i in range(len(data))]


async def _each(run: Callable[[list[bytes]], Awaitable[T]], data: bytes) -> list[T]:
    return [await run(pieces) for pieces in _cuts(data)]


async def _asked(pieces: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    world = World(flag("held", "/held"))
    # Why a head is refused may be seen at its first odd byte, or at its end.
    sent = [min(status, b"400") for status in _STATUS.findall(world.feed(pieces))]
    return sent, world.whole


async def _answered(pieces: list[bytes]) -> bytes | None:
    """What the client gets, if the app's answer was whole and well-formed."""
    world = World(script=pieces)
    sent = _DATE.sub(b"", world.feed([ASK]))
    assert len(world.plane.in_flight) == 0
    return sent if world.answered else None


def _unchunked(pieces: list[bytes]) -> tuple[bytes, bytes] | None:
    body, out, surplus = ChunkedBody(), b"", b""
    try:
        for piece in pieces:
            if body.done:
                surplus += piece
            else:
                out += body.feed(piece)
                surplus = body.surplus
    except FramingError:
        return None
    return (out, surplus) if body.done else None

"""What slow and idle clients cost the others: ``python -m bench.slow``.

Other clients' latency while 2,000 clients send their heads byte by byte, and while 2,000 send
bodies so, each beside rounds without them; and the memory that 10,000 idle connections take.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import resource
import statistics
import sys
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import uvloop

from bench.gateways import command, one_flag, write_config
from bench.process import BenchError, Process, free_port

SLOW, IDLE = 2000, 10_000
CLIENTS, PAUSE = 20, 0.005  # of the others: each asks this long after its last answer
BETWEEN = 2.0  # seconds between two bytes of a slow client; slowhttptest has 10
ROUNDS, SECONDS = 3, 8.0
MOST_RATIO, MOST_BYTES = 1.5, 200 << 20
ROOT = Path(__file__).parent.parent

_HEAD = b"GET / HTTP/1.1\r\nHost: bench.test\r\n\r\n"
_BROWSERS = (
    _HEAD[:-2] + b"".join(b"X-Field-%d: %b\r\n" % (n, b"v" * 40) for n in range(12)) + b"\r\n"
)
_POST = b"POST / HTTP/1.1\r\nHost: bench.test\r\nContent-Length: 100000\r\n\r\n"
_OK = b"HTTP/1.1 200 OK\r\nContent-Length: 1024\r\n\r\n" + b"x" * 1024


class App(asyncio.Protocol):
    """Answers a GET at once, and a POST never: its body does not end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self._transport.write(_OK)


async def serve_app(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(App, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


# The slow and the idle, in a process of their own


async def attack(kind: str, port: int, count: int) -> None:
    """Says ``ready`` once all are connected, and goes on until it is killed."""
    clients = [asyncio.create_task(_ATTACKS[kind](port, number)) for number in range(count)]
    while sum(_begun) < count:  # noqa: ASYNC110 there is one event a client
        await asyncio.sleep(0.1)
    print("ready", flush=True)
    await asyncio.gather(*clients)


async def _trickle(port: int, number: int, head: bytes, rest: bytes) -> None:
    await asyncio.sleep(number / 1000)  # at a rate that the backlog takes
    while True:  # cut off, it comes back
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(head)
            _begun[number] = 1
            for at in range(len(rest)):
                await asyncio.sleep(BETWEEN)
                if reader.at_eof():
                    break
                writer.write(rest[at : at + 1])
            writer.close()


async def _slow_heads(port: int, number: int) -> None:
    await _trickle(port, number, _BROWSERS[:20], _BROWSERS[20:])


async def _slow_bodies(port: int, number: int) -> None:
    await _trickle(port, number, _POST, bytes(1000))


async def _idle(port: int, number: int) -> None:
    await asyncio.sleep(number / 2000)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(_BROWSERS)
    await reader.readexactly(len(_OK))
    _begun[number] = 1
    await reader.read()


_ATTACKS: dict[str, Callable[[int, int], Awaitable[None]]] = {
    "heads": _slow_heads,
    "bodies": _slow_bodies,
    "idle": _idle,
}
_begun = [0] * IDLE


# The others


async def latencies(port: int, seconds: float) -> list[float]:
    """Milliseconds of each request of all the others."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    taken: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while loop.time() < until:
            begun = loop.time()
            writer.write(_HEAD)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise BenchError(f"answered {head!r}")
            await reader.readexactly(1024)
            taken.append((loop.time() - begun) * 1000)
            await asyncio.sleep(PAUSE)
        writer.close()

    await asyncio.gather(*[client() for _ in range(CLIENTS)])
    return taken


def p99(port: int, seconds: float) -> float:
    return statistics.quantiles(uvloop.run(latencies(port, seconds)), n=100)[98]


# The run


def _cores() -> tuple[set[int], set[int]]:
    """One for the gateway, the rest for everything else."""
    first, *rest = sorted(os.sched_getaffinity(0))
    return {first}, set(rest) or {first}


@contextlib.contextmanager
def _attacked(kind: str, port: int, count: int, folder: Path) -> Iterator[None]:
    log = folder / f"{kind}.log"
    program = (sys.executable, "-m", "bench.slow", "--attack", kind, str(port), str(count))
    with Process(kind, program, cores=_cores()[1], log=log, cwd=ROOT) as process:
        for _ in range(600):
            if "ready" in log.read_text():
                break
            uvloop.run(asyncio.sleep(0.1))
        else:
            raise BenchError(f"not all are connected:\n{process.log_tail()}")
        yield


@dataclass(frozen=True, slots=True)
class Figure:
    text: str
    missed: bool


def slowed(kind: str, port: int, folder: Path, seconds: float) -> Figure:
    """The others' p99 with and without slow clients of a kind."""
    quiet, busy = [], []
    for _ in range(ROUNDS):
        quiet.append(p99(port, seconds))
        with _attacked(kind, port, SLOW, folder):
            busy.append(p99(port, seconds))
    ratio = statistics.median(b / q for b, q in zip(busy, quiet, strict=True))
    text = (
        f"{SLOW} slow {kind}: p99 of the others {statistics.median(busy):.1f} ms, without "
        f"{statistics.median(quiet):.1f} ms: {ratio:.2f} times"
    )
    return Figure(text, ratio > MOST_RATIO)


def filled(port: int, gateway: Process, folder: Path) -> Figure:
    """The gateway's memory with idle connections."""
    before = gateway.memory_bytes()
    with _attacked("idle", port, IDLE, folder):
        after = gateway.memory_bytes()
    each = (after - before) / IDLE / 1024
    text = f"{IDLE} idle connections: {after >> 20} MiB in all, {each:.1f} KiB each"
    return Figure(text, after > MOST_BYTES)


def measure(port: int, gateway: Process, folder: Path, seconds: float) -> Iterator[Figure]:
    for kind in ("heads", "bodies"):
        yield slowed(kind, port, folder, seconds)
    yield filled(port, gateway, folder)


def run(seconds: float) -> bool:
    """Print each figure; was none missed?"""
    mine, others = _cores()
    os.sched_setaffinity(0, others)
    app, listen = free_port(), free_port()
    program = (sys.executable, "-m", "bench.slow", "--app", str(app))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        body = f"limits: {{connections: {2 * IDLE}}}\n{one_flag()}"
        config = write_config(folder / "g", body, app=app, listen=listen, control=free_port())
        with (
            Process("app", program, cores=others, log=folder / "app.log", cwd=ROOT) as site,
            Process("gateway", command(config, ROOT), cores=mine, log=folder / "g.log") as gateway,
        ):
            site.wait_ready(app)
            gateway.wait_ready(listen)
            p99(listen, 1.0)
            met = True
            for figure in measure(listen, gateway, folder, seconds):
                print(figure.text, "(missed)" if figure.missed else "", flush=True)
                met &= not figure.missed
            return met


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.slow", description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each round")
    parser.add_argument("--app", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--attack", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.app is not None:
        uvloop.run(serve_app(options.app))
    elif options.attack is not None:
        kind, port, count = options.attack
        uvloop.run(attack(kind, int(port), int(count)))
    else:
        try:
            return 0 if run(options.seconds) else 1
        except BenchError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

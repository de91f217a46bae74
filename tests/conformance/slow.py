"""slowhttptest: slow heads (-H), bodies (-B) and readers (-X), and everybody else meanwhile."""

from __future__ import annotations

import csv
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.stage import Stage, staged

CONNECTIONS = 300
SECONDS = 90  # longer than nginx's time-outs, which are 60
ATTACKS: Mapping[str, tuple[str, ...]] = {
    "-H": ("-H", "-i", "5", "-x", "24"),
    "-B": ("-B", "-i", "5", "-s", "8192", "-x", "10"),
    "-X": ("-X", "-w", "512", "-y", "1024", "-n", "5", "-z", "32", "-k", "3"),
}
TARGETS = {"-X": "/big"}


@dataclass(frozen=True, slots=True)
class Suffered:
    """``most`` were connected at once, ``left`` at the end; ``clear`` is after how many seconds the
    last one was gone (None: not by the end)."""

    most: int
    left: int
    clear: int | None
    others: Others


@dataclass(slots=True)
class Others:
    """Visitors who come one after another, each on a connection of its own."""

    took: list[float] = field(default_factory=list)
    failed: int = 0

    def p99(self) -> float:
        """Milliseconds."""
        return 1000 * statistics.quantiles(self.took, n=100)[98]

    def ask(self, port: int, over: threading.Event) -> None:
        """Until it is over, twenty times a second."""
        request = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n"
        while not over.wait(0.05):
            began = time.perf_counter()
            try:
                with socket.create_connection(("127.0.0.1", port), 10) as line:
                    line.sendall(request)
                    well = line.recv(64).startswith(b"HTTP/1.1 200")
            except OSError:
                well = False
            self.failed += not well
            self.took.append(time.perf_counter() - began)


def run(folder: Path) -> Mapping[str, Mapping[str, Suffered]]:
    """By attack and proxy; both proxies suffer an attack at the same time."""
    with staged(folder) as stage:
        return {attack: _both(attack, stage, folder) for attack in ATTACKS}


def _both(attack: str, stage: Stage, folder: Path) -> Mapping[str, Suffered]:
    with ThreadPoolExecutor() as pool:
        begun = {
            name: pool.submit(_attack, attack, port, folder / f"slow{attack}-{name}")
            for name, port in stage.proxies.items()
        }
        return {name: each.result() for name, each in begun.items()}


def _attack(attack: str, port: int, told: Path) -> Suffered:
    others, over = Others(), threading.Event()
    asking = threading.Thread(target=others.ask, args=(port, over))
    asking.start()
    target = TARGETS.get(attack, "/")
    common = ("-c", str(CONNECTIONS), "-r", "100", "-l", str(SECONDS), "-p", "5", "-g")
    command = ["slowhttptest", *ATTACKS[attack], *common, "-o", str(told)]
    try:
        subprocess.run(
            [*command, "-u", f"http://127.0.0.1:{port}{target}"],
            stdout=subprocess.DEVNULL,
            timeout=SECONDS + 60,
            check=False,  # its status tells how it ended, and so does the table that it writes
        )
    finally:
        over.set()
        asking.join()
    return _read(told.with_name(told.name + ".csv"), others)


def _read(table: Path, others: Others) -> Suffered:
    with table.open() as file:
        rows = [
            {name.strip(): value for name, value in row.items() if name}
            for row in csv.DictReader(file)
        ]
    # It ends by itself once no connection is left, and its table before the last are counted.
    ended = int(rows[-1]["Seconds"]) + 1
    most = max(int(row["Connected"]) for row in rows)
    if ended < SECONDS:
        return Suffered(most, 0, ended, others)
    return Suffered(most, int(rows[-1]["Connected"]), None, others)

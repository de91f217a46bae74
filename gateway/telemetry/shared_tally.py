"""What all workers have counted, in memory that they share, so that any of them can tell.

Theory of operation. The memory is mapped before the workers are forked. It has one *place* for
each process, which that process alone writes, and one for the totals of those that have ended,
which the supervisor writes. A place is two buffers and a number that says which one holds: a
write goes into the other one and then moves the number, so a writer killed in the middle has
shown nothing. A reader that finds the number moved, or a checksum wrong, reads again.

A process that ended is counted exactly once at any moment: its place says which process
(``life``) it is of, and the totals say which life of each place they have taken in. A reader
reads the places first and the totals last, and skips the lives that these have.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.telemetry.tally import BY_FLAG, Tally

BUFFER = 1 << 18  # bytes; a thousand flags that refused take 30 KB. Untouched, it costs nothing
_HEAD = 16  # of a buffer: length and checksum, 8 bytes each
_ROOM = BUFFER - _HEAD
_PLACE = mmap.PAGESIZE + 2 * BUFFER
_TRIES = 1000
_ENDED = 0  # the place of the totals


@dataclass(frozen=True, slots=True)
class Count:
    """What one process has counted, and its gauges by name."""

    tally: Tally
    gauges: Mapping[str, float] = field(default_factory=dict)


class SharedTally:
    """The memory. Make it before the first fork; ``places`` is how many processes at once."""

    def __init__(self, places: int) -> None:
        self._memory = mmap.mmap(-1, _PLACE * (places + 1))
        self._places = [_Place(self._memory, number) for number in range(places + 1)]
        self._free = list(range(places, 0, -1))
        self._life = 0
        self._folded: dict[str, int] = {}
        self._ended = Tally()

    @property
    def places(self) -> int:
        """How many processes there is a place for, taken or not."""
        return len(self._places) - 1

    # The supervisor's side

    @property
    def free(self) -> int:
        """How many more processes there is a place for."""
        return len(self._free)

    def take(self) -> Desk:
        """A place for a process that is about to be forked."""
        self._life += 1
        return Desk(self, self._free.pop(), self._life)

    def end(self, desk: Desk) -> None:
        """The process is dead: keep its counts with the totals, and free its place."""
        left = _decode(self._places[desk.place].read())
        if left is not None and left["life"] == desk.life:
            self._ended.add(Tally.load(left["tally"]))
        self._folded[str(desk.place)] = desk.life
        self._write(_ENDED, {"folded": self._folded, "tally": self._ended.dump()})
        self._free.append(desk.place)

    # A worker's side

    def publish(self, place: int, life: int, count: Count) -> None:
        document = {"life": life, "gauges": count.gauges, "tally": count.tally.dump()}
        self._write(place, document)

    def read(self) -> tuple[Tally, list[Mapping[str, float]]]:
        """The sum of all counts, and the gauges of each process that lives."""
        living = [(place, _decode(each.read())) for place, each in enumerate(self._places)][1:]
        ended = _decode(self._places[_ENDED].read())
        total = Tally() if ended is None else Tally.load(ended["tally"])
        folded = {} if ended is None else ended["folded"]
        gauges = []
        for place, count in living:
            if count is not None and count["life"] > folded.get(str(place), 0):
                total.add(Tally.load(count["tally"]))
                gauges.append(count["gauges"])
        return total, gauges

    def _write(self, place: int, document: dict[str, Any]) -> None:
        self._places[place].write(_encode(document))


@dataclass(frozen=True, slots=True)
class Desk:
    """One process's place in the shared memory."""

    shared: SharedTally
    place: int
    life: int

    def publish(self, count: Count) -> None:
        self.shared.publish(self.place, self.life, count)

    def read(self) -> tuple[Tally, Sequence[Mapping[str, float]]]:
        return self.shared.read()


class _Place:
    """Bytes of one writer: never seen in part, whenever the writer is stopped."""

    def __init__(self, memory: mmap.mmap, number: int) -> None:
        self._memory = memoryview(memory)[number * _PLACE : (number + 1) * _PLACE]
        # Through a cast, eight aligned bytes are stored at once; struct would do it by byte.
        self._moved = self._memory[:8].cast("Q")
        self._written = b""
        self._last = b""

    def write(self, data: bytes) -> None:
        if data == self._written:
            return
        moved = self._moved[0] + 1
        head, body = self._buffer(moved)
        body[: len(data)] = data
        head[0], head[1] = len(data), zlib.crc32(data)
        self._moved[0] = moved
        self._written = data

    def read(self) -> bytes:
        """What was written last; empty if nothing was."""
        for _ in range(_TRIES):
            moved = self._moved[0]
            if moved == 0:
                return b""
            head, body = self._buffer(moved)
            size, checksum = head[0], head[1]
            data = bytes(body[: min(size, _ROOM)])
            if self._moved[0] == moved and zlib.crc32(data) == checksum:
                self._last = data
                break
        return self._last

    def _buffer(self, moved: int) -> tuple[memoryview, memoryview]:
        start = mmap.PAGESIZE + (moved & 1) * BUFFER
        whole = self._memory[start : start + BUFFER]
        return whole[:_HEAD].cast("Q"), whole[_HEAD:]


def _decode(data: bytes) -> dict[str, Any] | None:
    return json.loads(data) if data else None


def _encode(document: dict[str, Any]) -> bytes:
    data = _json(document)
    if len(data) <= _ROOM:
        return data
    # Flags with long names by the thousand: those that refused first go on being counted.
    tally = {name: {} if name in BY_FLAG else value for name, value in document["tally"].items()}
    fits = {**document, "tally": tally}
    left = _ROOM - len(_json(fits))
    for name in BY_FLAG:
        for flag, count in document["tally"][name].items():
            left -= len(json.dumps(flag)) + 22  # the longest number, colon and comma
            if left < 0:
                return _json(fits)
            tally[name][flag] = count
    return _json(fits)


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()

"""How many are connected at once, and who has to go where one more comes.

Whoever reaches the port can connect, and each connection takes one of the open files that the
public port needs as well. So there is a bound; and since turning newcomers away at the bound
would let a stranger keep an operator out, the connection that has rested longest goes instead.
One with a call under way stays: callers who may have such are known by their token.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

MOST = 500  # connections, of each worker

T = TypeVar("T")


class Connections(Generic[T]):
    """The book of them; closing is for whoever keeps it."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._resting: dict[T, None] = {}  # in the order in which they came to rest
        self._calling: set[T] = set()

    def __len__(self) -> int:
        return len(self._resting) + len(self._calling)

    def came(self, one: T) -> T | None:
        """The connection to close, None: there is room. It is off the book already."""
        self._resting[one] = None
        if len(self) <= self._most:
            return None
        longest = next(iter(self._resting))
        del self._resting[longest]
        return longest

    def left(self, one: T) -> None:
        self._resting.pop(one, None)
        self._calling.discard(one)

    @contextmanager
    def call(self, one: T) -> Iterator[None]:
        """While a call of this connection is under way."""
        if one in self._resting:
            del self._resting[one]
            self._calling.add(one)
        try:
            yield
        finally:
            if one in self._calling:
                self._calling.remove(one)
                self._resting[one] = None

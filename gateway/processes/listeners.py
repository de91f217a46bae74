"""The sockets that a supervisor keeps open for its workers, by address."""

from __future__ import annotations

import itertools
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from gateway.config.passed import Passed
from gateway.config.settings import Address, Settings
from gateway.sockets import Sockets, bind, bind_beside, close, named

PATIENCE = 5.0  # seconds; the workers of a killed supervisor let go of the port within some ms


class Listeners:
    """A set of sockets for each worker and address; one for all of Unix sockets and passed ones."""

    def __init__(self, passed: Passed) -> None:
        self._passed = passed
        self._sets: dict[Address, list[Sockets]] = {}
        self._public: Address | None = None
        self._control: Address | None = None

    def bind(self, settings: Settings, workers: int) -> None:
        """Have sets for so many workers, at the addresses of these settings.

        What there is already is kept, other addresses too. Raises OSError: nothing is changed.
        """
        wanted = [address for address in (settings.listen, settings.control.listen) if address]
        with ExitStack() as undo:
            sets = {address: self._enough(address, workers, undo) for address in wanted}
            undo.pop_all()
        self._sets.update(sets)
        self._public, self._control = settings.listen, settings.control.listen

    def public(self, slot: int, workers: int) -> Sockets:
        """What the worker of this slot is to listen on, where there are so many workers."""
        return self._share(self._public, slot, workers)

    def control(self, slot: int, workers: int) -> Sockets:
        return self._share(self._control, slot, workers)

    @property
    def addresses(self) -> tuple[str, str | None]:
        """The public one and that of the control API, with the real ports."""
        assert self._public is not None  # noqa: S101 bind() comes first
        control = named(self._sets[self._control][0]) if self._control else None
        return named(self._sets[self._public][0]), control

    def keep_current(self) -> None:
        """Close the sets of the addresses that were served before the last ``bind``."""
        for address in self._sets.keys() - {self._public, self._control}:
            for each in self._sets.pop(address):
                close(each)

    def close_but(self, kept: Sockets) -> None:
        """In a worker: let go of the others'."""
        close(set(self._every()) - set(kept))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close_but(())

    def _enough(self, address: Address, workers: int, undo: ExitStack) -> list[Sockets]:
        sets = list(self._sets.get(address, ()))
        if not sets and (found := self._passed.sockets.get(address.passed or "")):
            return [found]
        if not sets:
            sets.append(bind(address, shared=True, patience=PATIENCE))
            undo.callback(close, sets[0])
        while len(sets) < workers and not _is_one(address):
            sets.append(bind_beside(sets[0]))
            undo.callback(close, sets[-1])
        return sets

    def _share(self, address: Address | None, slot: int, workers: int) -> Sockets:
        if address is None:
            return ()
        sets = self._sets[address]
        mine = sets[:1] if _is_one(address) else sets[slot::workers]
        return tuple(itertools.chain.from_iterable(mine))

    def _every(self) -> Sockets:
        every = itertools.chain.from_iterable(self._sets.values())
        return tuple(itertools.chain.from_iterable(every))


def _is_one(address: Address) -> bool:
    # The port of a passed socket is systemd's: others beside it would not outlive this process.
    return address.path is not None or address.passed is not None

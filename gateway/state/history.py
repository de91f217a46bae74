"""Whether the store still has what was known of it: its history may be lost."""

from __future__ import annotations

from gateway.stores.base import StoredState, StoreError
from gateway.stores.documents import dump_override


def has_lost(known: StoredState, stored: StoredState) -> bool:
    """Whether ``stored`` shows that the store has lost history that was ``known``.

    It has another epoch, or a lower revision, or the same revision with another content.
    """
    if not known.epoch and not known.revision:  # nothing was known yet
        return False
    if stored.epoch != known.epoch or stored.revision < known.revision:
        return True
    if stored is known or stored.revision > known.revision:
        return False
    return stored != known and _content(stored) != _content(known)


def lost(known: StoredState, stored: StoredState) -> StoreError:
    """The error of a store that ``has_lost``."""
    if stored.epoch != known.epoch:
        what = f"is another than that of revision {known.revision}: it was created anew"
        until = "all members are restarted"
    else:
        what = f"went back from revision {known.revision} to {stored.revision}"
        until = "the store is past it or the gateway is restarted"
    return StoreError(
        f"the store {what}, so that flips may be lost. What either of the two holds is held, "
        f"and flips and drains are refused, until {until}"
    )


def _content(state: StoredState) -> tuple[object, ...]:
    overrides = {name: dump_override(each) for name, each in state.overrides.items()}
    return overrides, state.config_digest

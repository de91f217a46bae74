"""Run as a program: flips for ever and prints each revision once it is answered.

Usage: python flipping_child.py STORE_ADDRESS
"""

from __future__ import annotations

import asyncio
import sys

from gateway.core.overrides import Override
from gateway.stores import open_store
from gateway.stores.base import AuditEntry, Change, StoredState


def edit(state: StoredState) -> Change:
    override = Override("d", {"ttl": float(state.revision + 1)}, 0.0, "child")
    return Change({"site": override}, (AuditEntry(0.0, "child", "flip", "site"),))


async def main(address: str) -> None:
    store = open_store(address)
    await store.open()
    while True:
        sys.stdout.write(f"{(await store.update(edit)).revision}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

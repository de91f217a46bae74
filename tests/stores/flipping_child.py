"""Run as a program: flips for ever and prints each revision once it is answered.

Usage: python flipping_child.py STORE_FILE
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gateway.core.overrides import Override
from gateway.stores.base import AuditEntry, Change, StoredState
from gateway.stores.sqlite import SqliteStore


def edit(state: StoredState) -> Change:
    override = Override("d", {"ttl": float(state.revision + 1)}, 0.0, "child")
    return Change({"site": override}, (AuditEntry(0.0, "child", "flip", "site"),))


async def main(path: Path) -> None:
    store = SqliteStore(path)
    await store.open()
    while True:
        sys.stdout.write(f"{(await store.update(edit)).revision}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))

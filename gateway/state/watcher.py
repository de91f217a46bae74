"""When a file was edited: by whatever means, and only once the edit is whole.

Theory of operation. The directory is watched, not the file: editors rename a new file over
the old one, and Kubernetes swaps a symbolic link beside it. What is noticed there only wakes;
what counts is the content, read through all links, so that events too many do no harm. Where
events do not come (network file systems, a directory made anew, no watches left), a look each
``poll`` seconds finds the edit. A file in the middle of being written is waited for until two
readings ``settle`` seconds apart are the same: half a file may be valid YAML with flags missing.
"""

from __future__ import annotations

import asyncio
import hashlib
import stat
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path

from watchfiles import awatch

POLL = 0.5  # seconds
SETTLE = 0.1  # seconds
_UNREAD = b""  # a content that no file has
Beside = Callable[[], Sequence[Path]]
_READINGS = 10  # a file that never settles is taken as it is then


def edits(
    path: Path, beside: Beside = list, *, poll: float = POLL, settle: float = SETTLE
) -> AsyncGenerator[None]:
    """Yields each time the content of ``path`` is another, or the file has gone or come.

    Counted from this call: a file that is there now yields at once, as it may have been edited
    since it was loaded, and so does its going before the first look. ``beside`` names the
    files whose content counts as well; it may name others after each edit.
    """
    return _edits(path, beside, _UNREAD if path.exists() else None, poll, settle)


async def _edits(
    path: Path, beside: Beside, seen: bytes | None, poll: float, settle: float
) -> AsyncGenerator[None]:
    async with aclosing(_stirs(path, beside, poll)) as stirs:
        async for _ in stirs:
            content = await asyncio.to_thread(_fingerprint, path, beside())
            if content != seen:
                seen = await _settled(path, beside, content, settle)
                yield


async def _settled(
    path: Path, beside: Beside, content: bytes | None, settle: float
) -> bytes | None:
    for _ in range(_READINGS):
        await asyncio.sleep(settle)
        before, content = content, await asyncio.to_thread(_fingerprint, path, beside())
        if content == before:
            break
    return content


async def _stirs(path: Path, beside: Beside, poll: float) -> AsyncGenerator[None]:
    # Something may have happened: an event in one of the directories, or time has passed.
    yield
    while True:
        try:
            async with aclosing(_events(path, beside, poll)) as events:
                async for _ in events:
                    yield
        except (OSError, RuntimeError):  # no such directory, or no watches left on this machine
            await asyncio.sleep(poll)
            yield


async def _events(path: Path, beside: Beside, poll: float) -> AsyncGenerator[None]:
    directories = _directories(path, beside())
    watched = awatch(
        *directories,
        watch_filter=None,
        debounce=100,
        step=50,
        rust_timeout=int(poll * 1000),
        yield_on_timeout=True,
        recursive=False,
    )
    async with aclosing(watched):
        async for _ in watched:
            yield
            if _directories(path, beside()) != directories:
                return


def _directories(path: Path, beside: Sequence[Path]) -> set[Path]:
    # That of the name and, behind links, that of the file itself. Those of the files beside it
    # may be missing, as they may.
    found = {path.absolute().parent, path.resolve().parent}
    found.update(each.parent for each in beside if each.parent.is_dir())
    return found


def _fingerprint(path: Path, beside: Sequence[Path]) -> bytes | None:
    whole = _digest(path)
    if whole is None or not beside:
        return whole
    return b"".join((whole, *(_digest(each) or b"-" for each in beside)))


def _digest(path: Path) -> bytes | None:
    # What is there and cannot be read is not taken for what is not there.
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # to read a pipe would take for ever
            return b"no plain file"
        return hashlib.sha256(path.read_bytes()).digest()
    except FileNotFoundError:
        return b"a link to nothing" if path.is_symlink() else None
    except OSError as error:
        return b"errno %d" % (error.errno or 0)

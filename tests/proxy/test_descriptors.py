"""Accepting stops before descriptors run out, and goes on when there are some again."""

from __future__ import annotations

import errno
import logging
import os
from typing import Any

import pytest

from gateway.proxy import descriptors
from gateway.proxy.descriptors import Descriptors
from tests.support.proxy_stage import Stage
from tests.support.wire import RawClient, ok, turns


class System:
    """Stands for the limit: ``most`` is the first number that is kept back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.most = 1 << 62
        monkeypatch.setattr(descriptors, "_most", lambda: self.most)

    def leave(self, numbers: int) -> None:
        """From the next look on, so many may still be taken."""
        self.most = descriptors._lowest_free() + numbers


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    return System(monkeypatch)


@pytest.fixture
async def stage(system: System, start: Any) -> Any:
    return await start()


async def served(stage: Stage, client: RawClient) -> None:
    await client.get()
    app, _ = await stage.app.serve()
    await app.send(ok(b"hello", b"Connection: close"))
    assert (await client.answer()).body == b"hello"


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage()[:14] for record in caplog.records]


async def test_who_comes_when_few_are_left_waits_and_is_served_then(
    stage: Stage, system: System, caplog: pytest.LogCaptureFixture
) -> None:
    system.leave(4)
    stage.plane.descriptors.look()
    inside = [await stage.client() for _ in range(3)]
    await stage.until(lambda: stage.plane.descriptors.short, "descriptors are short")
    assert not stage.listener.listening
    waiting = [await stage.client() for _ in range(3)]
    for client in waiting:
        await client.get()
    await turns()
    assert stage.app.untouched()
    assert all(client.silent() for client in waiting)
    assert said(caplog) == ["few open files"]

    system.most = 1 << 62
    stage.plane.descriptors.look()
    for _ in waiting:
        app, _ = await stage.app.serve()
        await app.send(ok(b"hello", b"Connection: close"))
    for client in waiting:
        assert (await client.answer()).body == b"hello"
    await served(stage, inside[0])
    assert stage.listener.listening
    assert said(caplog) == ["few open files", "open files are"]


async def test_a_connection_that_is_there_is_served_meanwhile(stage: Stage, system: System) -> None:
    client = await stage.client()
    await turns()
    system.leave(0)
    stage.plane.descriptors.look()
    assert not stage.listener.listening

    await served(stage, client)


async def test_a_stop_while_they_are_short_is_a_stop(stage: Stage, system: System) -> None:
    system.leave(0)
    stage.plane.descriptors.look()
    client = await stage.client()
    stage.listener.stop()
    system.most = 1 << 62
    stage.plane.descriptors.look()
    await turns()

    assert not stage.listener.listening
    assert await client.ended() == "reset"


async def test_a_door_that_cannot_be_opened_is_tried_again(
    stage: Stage, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    system.leave(0)
    stage.plane.descriptors.look()
    system.most = 1 << 62
    with monkeypatch.context() as patch:

        async def full() -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        patch.setattr(stage.listener, "_accept", full)
        stage.plane.descriptors.look()
        await turns()
    assert stage.plane.descriptors.short
    stage.plane.descriptors.look()
    client = await stage.client()

    await served(stage, client)


# The bookkeeping


class Door:
    def __init__(self) -> None:
        self.told: list[str] = []

    def shut(self) -> None:
        self.told.append("shut")

    def open(self) -> None:
        self.told.append("open")


def test_each_turn_is_told_once_and_not_a_hundred_times_a_minute(
    system: System, caplog: pytest.LogCaptureFixture
) -> None:
    system.most = 100
    now, door = [0.0], Door()
    watch = Descriptors(logging.getLogger("x"), lambda: now[0])
    watch.doors.append(door)
    watch.taken(99)
    assert door.told == []
    for now[0] in (0.0, 0.2, 0.4, 6.0):
        watch.taken(100)
        watch.taken(101)
        watch.look()

    assert door.told == ["shut", "open"] * 4
    assert said(caplog) == ["few open files", "open files are"] * 2
    assert all(each.getMessage().endswith("(and 2 like it)") for each in caplog.records[2:])


@pytest.mark.parametrize(("number", "short"), [(errno.EMFILE, True), (errno.EACCES, False)])
def test_only_a_want_of_descriptors_is_taken_for_one(
    system: System, monkeypatch: pytest.MonkeyPatch, number: int, *, short: bool
) -> None:
    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    watch = Descriptors(logging.getLogger("x"), lambda: 0.0)
    system.most = 100
    monkeypatch.setattr(os, "open", fails)
    watch.look()
    assert watch.short is short


@pytest.mark.parametrize(
    ("soft", "most"),
    [(1024, 960), (64, 48), (20, 15), (descriptors.resource.RLIM_INFINITY, 1 << 62)],
)
def test_what_is_kept_back_follows_the_limit(
    monkeypatch: pytest.MonkeyPatch, soft: int, most: int
) -> None:
    monkeypatch.setattr(descriptors.resource, "getrlimit", lambda _: (soft, soft))
    assert descriptors._most() == most

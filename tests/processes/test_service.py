"""What systemd is told: bytes in a datagram, and never a failure."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.processes.service import STATUS_PERIOD, Service


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{tmp_path}/notify" if request.param == "path" else f"@{tmp_path}/notify"


@pytest.fixture
def ear(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address.replace("@", "\0", 1))
        ear.settimeout(30)
        yield ear


def said(ear: socket.socket) -> list[str]:
    return ear.recv(4096).decode().split("\n")


def test_ready_is_one_datagram_with_the_status(ear: socket.socket, address: str) -> None:
    Service.of({"NOTIFY_SOCKET": address}, 7).ready("revision 3; on: site\nREADY=0")

    assert said(ear) == ["READY=1", "STATUS=revision 3; on: site READY=0"]


def test_a_status_is_told_when_it_changes(ear: socket.socket, address: str) -> None:
    service = Service(address)
    for status in ("one", "one", "two"):
        service.beat(status)

    assert [said(ear), said(ear)] == [["STATUS=one"], ["STATUS=two"]]


def test_reloading_says_when_on_the_monotonic_clock(ear: socket.socket, address: str) -> None:
    Service(address).reloading()

    first, second = said(ear)
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert second.partition("=")[2].isdecimal()


def test_stopping_asks_for_the_time_that_it_takes(ear: socket.socket, address: str) -> None:
    Service(address).stopping(30)

    assert said(ear) == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=35000000", "STATUS=stopping"]


def test_a_watchdog_is_told_of_twice_in_its_time(ear: socket.socket, address: str) -> None:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "7"}
    service = Service.of(environ, 7)
    service.beat("")

    assert (service.watchdog, service.period) == (3.0, 1.5)
    assert said(ear) == ["WATCHDOG=1"]


@pytest.mark.parametrize(
    "environ",
    [
        {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "8"},
        {"WATCHDOG_USEC": "soon", "WATCHDOG_PID": "7"},
        {"WATCHDOG_PID": "7"},
    ],
)
def test_a_watchdog_of_another_process_is_not_ours(environ: dict[str, str]) -> None:
    service = Service.of({"NOTIFY_SOCKET": "/run/notify", **environ}, 7)

    assert (service.watchdog, service.period) == (0.0, STATUS_PERIOD)


def test_nothing_is_said_where_nobody_listens() -> None:
    service = Service.of({"WATCHDOG_USEC": "3000000"}, 7)
    service.ready("")

    assert (service.watchdog, service.period) == (0.0, 0.0)


@pytest.mark.parametrize("address", ["/nowhere/notify", "@nobody", "vsock:2:1", "relative", "@"])
def test_a_socket_that_is_gone_is_passed_over(address: str) -> None:
    service = Service(address)
    service.ready("")
    service.beat("x")
    service.stopping(1)


def fill(address: str) -> int:
    """Send until nothing more fits; how many that were."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as crowd:
        crowd.setblocking(False)  # noqa: FBT003 its own signature
        for sent in range(100_000):
            try:
                crowd.sendto(b"x", address)
            except BlockingIOError:
                return sent
    raise AssertionError("there is no end to it")


def test_what_does_not_fit_goes_with_the_next_one(tmp_path: Path) -> None:
    address = f"{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ear:
        ear.bind(address)
        ear.settimeout(30)
        full = fill(address)
        service = Service(address)
        service.ready("one")
        for _ in range(full):
            assert ear.recv(100) == b"x"
        service.beat("one")

        assert said(ear) == ["READY=1", "STATUS=one"]


@contextlib.contextmanager
def no_more_files() -> Iterator[None]:
    """This process may open no further descriptor."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_where_no_file_may_be_opened_it_is_told_later(ear: socket.socket, address: str) -> None:
    service = Service(address, watchdog=20)
    with no_more_files():
        service.beat("one")
    service.beat("one")

    assert said(ear) == ["WATCHDOG=1", "STATUS=one", "WATCHDOG=1"]

"""Sockets that systemd has opened: which of them are taken, and why others are not."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.config.passed import Passed
from gateway.processes import passed_sockets
from gateway.processes.passed_sockets import take_passed

FIRST = 700  # a place that no other test's descriptors reach
PID = 7

Take = Callable[..., Passed]


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Iterator[Take]:
    """Takes these sockets (None: a descriptor that is not open), with these variables."""
    monkeypatch.setattr(passed_sockets, "FIRST", FIRST)
    taken: list[Passed] = []
    numbers: list[int] = []

    def begin(*sockets: int | socket.socket | None, **variables: str) -> Passed:
        for at, each in enumerate(sockets):
            if each is not None:
                numbers.append(
                    os.dup2(each if isinstance(each, int) else each.fileno(), FIRST + at)
                )
        environ = {"LISTEN_FDS": str(len(sockets)), "LISTEN_PID": str(PID), **variables}
        taken.append(take_passed(environ, PID))
        return taken[-1]

    yield begin
    for passed in taken:
        for each in (each for some in passed.sockets.values() for each in some):
            each.detach()
    for number in numbers:
        with contextlib.suppress(OSError):
            os.close(number)


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as made:
        yield made


def test_sockets_go_by_their_names(take: Take, listening: socket.socket, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.bind(f"{tmp_path}/control")
        control.listen()
        passed = take(listening, control, listening, LISTEN_FDNAMES="http:control:http")

    assert passed.names == ("http", "control")
    assert [each.getsockname() for each in passed.sockets["http"]] == [listening.getsockname()] * 2
    assert passed.sockets["control"][0].getsockname() == f"{tmp_path}/control"


def test_no_program_that_is_started_inherits_them(take: Take, listening: socket.socket) -> None:
    (taken,) = take(listening, LISTEN_FDNAMES="http").sockets["http"]

    assert not taken.get_inheritable()


def test_a_socket_without_a_name_is_called_unknown(take: Take, listening: socket.socket) -> None:
    assert take(listening).names == ("unknown",)
    assert take(listening, LISTEN_FDNAMES="").names == ("unknown",)


@pytest.mark.parametrize(
    "variables", [{"LISTEN_PID": "8"}, {"LISTEN_PID": ""}, {"LISTEN_FDS": "x"}, {"LISTEN_FDS": "0"}]
)
def test_nothing_is_taken_that_is_not_for_this_process(
    take: Take, listening: socket.socket, variables: dict[str, str]
) -> None:
    assert take(listening, **variables) == Passed()


def test_what_cannot_be_listened_on_is_told_by_name(take: Take, listening: socket.socket) -> None:
    reader, writer = os.pipe()
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.socket() as silent:
        passed = take(datagrams, silent, reader, None, LISTEN_FDNAMES="udp:connected:fifo:shut")
    os.close(reader)
    os.close(writer)

    assert passed.sockets == {}
    assert passed.wrong == {
        "udp": "is no stream: the unit needs ListenStream=",
        "connected": "is a connection already: the unit needs Accept=no",
        "fifo": "is no socket",
        "shut": "is not open",
    }

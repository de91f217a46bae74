"""Sockets for several processes: beside each other, and never beside another gateway."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from gateway.config.settings import Address
from gateway.sockets import Sockets, bind, bind_beside, close, named, permit

LOOPBACK = Address("127.0.0.1", 0)


@contextmanager
def held(*sets: Sockets) -> Iterator[None]:
    with ExitStack() as stack:
        for each in sets:
            stack.callback(close, each)
        yield


def at(sockets: Sockets) -> Address:
    return Address("127.0.0.1", sockets[0].getsockname()[1])


def test_shared_port_has_a_socket_for_each_process() -> None:
    first = bind(LOOPBACK, shared=True)
    second = bind_beside(first)
    with held(first, second):
        assert named(first) == named(second)
        assert first[0].fileno() != second[0].fileno()


def test_nothing_is_accepted_before_somebody_listens() -> None:
    sockets = bind(LOOPBACK, shared=True)
    with held(sockets), pytest.raises(ConnectionRefusedError):
        socket.create_connection(sockets[0].getsockname(), timeout=5)


@pytest.mark.parametrize("shared", [False, True])
def test_port_that_another_program_serves_is_refused(shared: bool) -> None:  # noqa: FBT001 a case
    other = bind(LOOPBACK, shared=True)
    with held(other):
        other[0].listen()
        with pytest.raises(OSError, match="error while attempting to bind") as caught:
            bind(at(other), shared=shared)

    assert caught.value.errno == errno.EADDRINUSE


def test_port_that_is_being_given_up_is_waited_for() -> None:
    other = bind(LOOPBACK, shared=True)
    other[0].listen()
    address = at(other)
    giving_up = threading.Timer(0.1, close, (other,))
    giving_up.start()
    sockets = bind(address, shared=True, patience=10)
    giving_up.join()
    with held(sockets):
        assert named(sockets) == str(address)


def test_name_with_several_addresses_has_a_socket_for_each(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"127.0.0.{n}", 0)) for n in (1, 2, 2)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    sockets = bind(Address("site", 0), shared=True)
    beside = bind_beside(sockets)
    with held(sockets, beside):
        names = [each.getsockname() for each in sockets]
        assert [host for host, _ in names] == ["127.0.0.1", "127.0.0.2"]
        assert [each.getsockname() for each in beside] == names


def test_unix_socket_takes_the_place_of_a_dead_one_and_of_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    for _ in range(2):
        sockets = bind(Address(path=str(path)))
        assert named(sockets) == f"unix:{path}"
        close(sockets)
    path.unlink()
    path.write_text("somebody's")
    with pytest.raises(OSError, match="address already in use"):
        bind(Address(path=str(path)))

    assert path.read_text() == "somebody's"


def test_unix_socket_that_somebody_listens_on_is_not_taken_over(tmp_path: Path) -> None:
    address = Address(path=str(tmp_path / "gateway.sock"))
    other = bind(address)
    with held(other):
        other[0].listen(1)
        with pytest.raises(OSError, match="address already in use") as caught:
            bind(address)
        assert caught.value.errno == errno.EADDRINUSE
        crowd = [socket.socket(socket.AF_UNIX) for _ in range(3)]  # more than its queue holds
        for each in crowd:
            each.setblocking(False)  # noqa: FBT003 its own signature
            each.connect_ex(address.path)
        with pytest.raises(OSError, match="address already in use"):
            bind(address)
        for each in crowd:
            each.close()

    sockets = bind(address)
    close(sockets)


def test_unix_socket_that_is_being_given_up_is_waited_for(tmp_path: Path) -> None:
    address = Address(path=str(tmp_path / "gateway.sock"))
    other = bind(address)
    other[0].listen()
    giving_up = threading.Timer(0.1, close, (other,))
    giving_up.start()
    sockets = bind(address, patience=10)
    giving_up.join()
    with held(sockets):
        assert named(sockets) == f"unix:{address.path}"


def test_permissions_of_a_unix_socket_are_set(tmp_path: Path) -> None:
    address = Address(path=str(tmp_path / "gateway.sock"))
    with held(bind(address)):
        before = Path(address.path or "").stat().st_mode
        permit(address, None)
        assert Path(address.path or "").stat().st_mode == before
        permit(address, 0o660)
        assert Path(address.path or "").stat().st_mode & 0o777 == 0o660
    permit(LOOPBACK, 0o660)

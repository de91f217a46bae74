"""What happens to an exchange while its connection to the app is still being made."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.core.flags import Exemptions
from gateway.core.snapshot import compile_snapshot
from gateway.proxy.exchange import Exchange
from gateway.proxy.in_flight import InFlight
from gateway.telemetry.tally import Tally
from tests.support.heads import read_request

NOTHING = compile_snapshot((), {}, revision=1, allow=Exemptions(), now=0.0)


class Client:
    """Remembers whether it is held back, and what it was told."""

    draining = False
    began = 0.0

    def __init__(self) -> None:
        self.held = False
        self.failed = 0

    def hold_back(self) -> None:
        self.held = True

    def go_on(self) -> None:
        self.held = False

    def app_failed(self, error: Any, *, whole: bool) -> None:
        self.failed = error.status


class Connection:
    """A new connection whose buffer ``full`` says is filled by the first bytes."""

    def __init__(self, *, full: bool = False, closing: bool = False) -> None:
        self.transport = SimpleNamespace(is_closing=lambda: closing)
        self.sent = b""
        self.aborted = False
        self._full = full

    def begin(self, exchange: Exchange, data: bytes) -> None:
        self.sent += data
        if self._full:
            exchange.app_reads_slowly()

    def abort(self) -> None:
        self.aborted = True


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def exchange(client: Client) -> Exchange:
    """An upload of nine bytes of which five have come; no connection is kept."""
    plane = SimpleNamespace(
        in_flight=InFlight(lambda: 300.0, lambda: 0.0),
        live=SimpleNamespace(snapshot=NOTHING, current=lambda: NOTHING),
        pool=SimpleNamespace(take=lambda _since: None),
        connector=SimpleNamespace(connect=lambda _exchange: None),
        tally=Tally(),
        usher=SimpleNamespace(waits_for_app=False),
        trouble=SimpleNamespace(warning=lambda _text: None),
        time=lambda: 0.0,
    )
    request = read_request(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n")
    made = Exchange(cast("Any", plane), cast("Any", client), request, 1)
    made.start(b"hello", whole=False)
    return made


def connect(exchange: Exchange, connection: Connection) -> Connection:
    exchange.connected(cast("Any", connection))
    return connection


def test_what_comes_meanwhile_is_held_back_and_goes_out_first(
    exchange: Exchange, client: Client
) -> None:
    exchange.upload(b" wo", whole=False)
    assert client.held

    connection = connect(exchange, Connection())
    assert connection.sent.endswith(b"\r\n\r\nhello wo")
    assert not client.held


def test_a_client_stays_held_back_if_the_new_connection_is_full_at_once(
    exchange: Exchange, client: Client
) -> None:
    exchange.upload(b" wo", whole=False)
    connect(exchange, Connection(full=True))
    assert client.held

    exchange.app_caught_up()
    assert not client.held


def test_a_client_that_left_in_its_upload_has_nothing_sent(exchange: Exchange) -> None:
    exchange.client_left()
    connection = connect(exchange, Connection())

    assert (connection.aborted, connection.sent) == (True, b"")


def test_a_connection_that_ended_before_it_was_used_is_502(
    exchange: Exchange, client: Client
) -> None:
    connection = connect(exchange, Connection(closing=True))

    assert (client.failed, connection.sent) == (502, b"")

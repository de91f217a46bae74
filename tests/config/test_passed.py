"""listen: systemd:NAME, and sockets that nobody takes."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.config import ConfigErrors, Settings, load
from gateway.config.passed import Passed
from gateway.config.settings import Address

UPSTREAM = "upstream: http://127.0.0.1:8000\n"
TOKEN = "control: {listen: systemd:control, token: t}\n"

Said = Callable[[str, Passed], list[str]]


@pytest.fixture
def said(tmp_path: Path) -> Said:
    """The errors of a configuration, where these sockets were passed."""

    def errors(text: str, passed: Passed) -> list[str]:
        path = tmp_path / "config.yaml"
        path.write_text(UPSTREAM + text)
        try:
            load(path, {}, passed)
        except ConfigErrors as wrong:
            return [str(error).removeprefix(f"{tmp_path}/") for error in wrong.errors]
        return []

    return errors


def have(*names: str) -> Passed:
    return Passed({name: (socket.socket.__new__(socket.socket),) for name in names})


def test_a_passed_socket_is_named(read: Callable[..., Settings]) -> None:
    settings = read(f"listen: systemd:http\n{TOKEN}")

    assert settings.listen == Address(passed="http")
    assert str(settings.control.listen) == "systemd:control"


def test_the_environment_names_them_as_well(read: Callable[..., Settings]) -> None:
    environ = {
        "GATEWAY_LISTEN": "systemd:http",
        "GATEWAY_CONTROL_LISTEN": "systemd:control",
        "GATEWAY_CONTROL_TOKEN": "t",
    }
    settings = read("", environ)

    assert (settings.listen.passed, settings.control.listen) == ("http", Address(passed="control"))


@pytest.mark.parametrize("name", ["", "a:b", "é", "x" * 256])
def test_what_is_no_name_of_a_socket_is_an_error(
    errors: Callable[..., list[str]], name: str
) -> None:
    assert errors(f"listen: 'systemd:{name}'") == [
        (
            "config.yaml:1: listen: must be systemd: and the socket's FileDescriptorName=, "
            "such as systemd:http"
        )
    ]


def test_it_is_for_listening_alone(errors: Callable[..., list[str]]) -> None:
    (found,) = errors("upstream: systemd:http")

    assert "must be http://host:port" in found


def test_a_control_socket_of_systemd_needs_a_token(errors: Callable[..., list[str]]) -> None:
    (found,) = errors("control: {listen: systemd:control}")

    assert found.endswith(
        "is a socket of systemd's, so it needs control.token: anybody could flip the flags"
    )


def test_one_socket_is_not_for_both(errors: Callable[..., list[str]]) -> None:
    (found,) = errors("listen: systemd:x\ncontrol: {listen: systemd:x, token: t}")

    assert "listen and control.listen are the same" in found


def test_what_is_asked_for_is_taken(said: Said) -> None:
    assert said(f"listen: systemd:http\n{TOKEN}", have("http", "control")) == []
    assert said("listen: 127.0.0.1:8080\n", have()) == []


def test_a_socket_that_was_not_passed_is_an_error(said: Said) -> None:
    assert said(f"listen: systemd:http\n{TOKEN}", have("web", "control")) == [
        (
            "config.yaml:2: listen: systemd has passed no socket with FileDescriptorName=http, "
            "only web, control"
        ),
        (
            "config.yaml:2: listen: systemd has passed a socket named web, and nothing listens on "
            "it: write listen: systemd:web (or control.listen), or remove its .socket unit"
        ),
    ]


def test_a_start_without_the_socket_unit_says_so(said: Said) -> None:
    assert said(f"listen: systemd:http\n{TOKEN}", have()) == [
        f"config.yaml:{line}: {key}: systemd has passed no socket: start the .socket unit, which "
        "starts the gateway"
        for line, key in ((2, "listen"), (3, "control.listen"))
    ]


def test_a_socket_of_the_wrong_kind_is_an_error(said: Said) -> None:
    passed = Passed({}, {"http": "is no stream: the unit needs ListenStream="})

    assert said("listen: systemd:http\n", passed) == [
        (
            "config.yaml:2: listen: the socket http that systemd has passed is no stream: "
            "the unit needs ListenStream="
        )
    ]


def test_a_socket_that_nobody_takes_is_an_error(said: Said) -> None:
    (found,) = said("", have("http"))

    assert "systemd has passed a socket named http, and nothing listens on it" in found
    assert found.startswith("config.yaml:1: listen: ")


def test_without_a_look_at_sockets_the_configuration_is_valid(
    read: Callable[..., Settings],
) -> None:
    assert read("listen: systemd:http").listen == Address(passed="http")

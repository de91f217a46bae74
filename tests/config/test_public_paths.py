"""What of the control plane is on the public port, and what must not be."""

from __future__ import annotations

import pytest

from gateway.config.settings import Secret, Toggle
from gateway.state.definitions import settle
from tests.config.conftest import Errors, Load

SAID = "control: {token: t, path: /-/maintenance, toggle: {path: /maintenance, key: k}}"


def test_both_are_read(read: Load) -> None:
    control = read(SAID).control
    assert control.path == "/-/maintenance"
    assert control.toggle == Toggle("/maintenance", Secret("k"), "site")
    assert "k'" not in repr(control.toggle).replace("Secret('***')", "")


def test_a_path_needs_a_token(read: Load, errors: Errors) -> None:
    (found,) = errors("control: {path: /-/maintenance}")
    assert "control.path: is on the public port, so it needs control.token" in found
    assert read("control: {toggle: {path: /m, key: k}}").control.on_public_port == ("/m",)


@pytest.mark.parametrize("path", ["/", "x", "/a/", "/a//b", "/a/../b", "/a%20b", "/a?b", "/a b"])
def test_a_path_is_plain(errors: Errors, path: str) -> None:
    (found,) = errors(f"control: {{token: t, path: '{path}'}}")
    assert "control.path: must be a path such as" in found


@pytest.mark.parametrize(
    "path", ["/-/maintenance/bypass", "/-/maintenance/bypass/gone", "/-/maintenance/notice"]
)
def test_a_path_that_links_and_notices_have_is_an_error(errors: Errors, path: str) -> None:
    where = "is where bypass links and notices are"
    (found,) = errors(f"control: {{token: t, path: {path}}}")
    assert f"control.path: {where}" in found
    (found,) = errors(f"control: {{toggle: {{path: {path}, key: k}}}}")
    assert f"control.toggle.path: {where}" in found


@pytest.mark.parametrize(
    ("toggle", "expected"),
    [
        ("{path: /m}", "control.toggle.key: is missing"),
        ("{key: k}", "control.toggle.path: is missing"),
        ("{path: /m, key: ''}", "control.toggle.key: is empty"),
        ("{path: /m, key: t}", "control.toggle: has the token of operator as its key"),
        ("{path: /-/x/toggle, key: k}", "control.toggle.path: is below control.path"),
        ("{path: /m, key: k, flag: a}", "control.toggle.flag: is no flag: there is no a"),
        ("{path: /m, key: k, flag: b}", "control.toggle.flag: is on while a file is there"),
        ("{path: /m, key: k, colour: red}", "control.toggle.colour: unknown key"),
    ],
)
def test_a_toggle_that_cannot_be_is_an_error(errors: Errors, toggle: str, expected: str) -> None:
    flags = "flags: {site: , b: {source: {file: f}}}"
    (found,) = errors(f"control: {{token: t, path: /-/x, toggle: {toggle}}}\n{flags}")
    assert expected in found


def test_the_environment_says_the_same(read: Load) -> None:
    environ = {
        "GATEWAY_CONTROL_TOKEN": "t",
        "GATEWAY_CONTROL_PATH": "/-/maintenance",
        "GATEWAY_CONTROL_TOGGLE_PATH": "/maintenance",
        "GATEWAY_CONTROL_TOGGLE_KEY": "k",
    }
    assert read("", environ).control == read(SAID).control


def test_another_place_takes_a_restart_and_another_key_does_not(read: Load) -> None:
    before = read(SAID)
    key = settle(before, read(SAID.replace("key: k", "key: another")))
    assert key.notices == ()
    assert key.settings.control.toggle == Toggle("/maintenance", Secret("another"), "site")
    moved = settle(before, read(SAID.replace("/-/maintenance", "/-/m")))
    assert [notice.path for notice in moved.notices] == ["control.path"]
    assert moved.settings.control == before.control

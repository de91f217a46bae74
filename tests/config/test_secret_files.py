"""Secrets in files, as containers have them: ``GATEWAY_CONTROL_TOKEN_FILE``."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigErrors, load
from gateway.config.environment import FORMS, WEBHOOK, variable
from gateway.config.secret_files import HELD_IN_FILES, LARGEST
from gateway.state.definitions import watched

ALONE = {"GATEWAY_UPSTREAM": "http://127.0.0.1:8000"}


@pytest.fixture
def held(tmp_path):
    """A file with this content, named in an environment."""

    def environ(content: bytes, name: str = "GATEWAY_CONTROL_TOKEN", **others: str):
        path = tmp_path / name
        path.write_bytes(content)
        return {**ALONE, f"{name}_FILE": str(path), **others}

    return environ


def wrong(environ):
    with pytest.raises(ConfigErrors) as caught:
        load(None, environ)
    return [str(error) for error in caught.value.errors]


@pytest.mark.parametrize("content", [b"s3cret", b"s3cret\n", b"s3cret\r\n"])
def test_a_file_holds_the_token_with_or_without_a_line_end(held, content):
    (token,) = load(None, held(content)).control.tokens

    assert (token.name, token.secret) == ("operator", "s3cret")


def test_each_of_them_is_a_setting_s_variable():
    assert {*map(variable, FORMS), *WEBHOOK} >= set(HELD_IN_FILES)


def test_a_file_holds_what_the_variable_would(held):
    tokens = held(b"{ci: {token: abc, role: viewer}}\n", "GATEWAY_CONTROL_TOKENS")
    store = held(b"redis://:pass@redis:6379/0\n", "GATEWAY_STORE")
    settings = load(None, {**tokens, **store})

    assert [(each.name, each.secret) for each in settings.control.tokens] == [("ci", "abc")]
    assert settings.store == "redis://:pass@redis:6379/0"


def test_the_yaml_s_variables_are_filled_from_the_file_too(read, held):
    environ = held(b"s3cret\n")
    settings = read("control: {token: $" + "{GATEWAY_CONTROL_TOKEN}}", environ)

    assert [each.secret for each in settings.control.tokens] == ["s3cret"]


def test_the_yaml_s_own_token_is_not_joined_by_a_file_s(errors, held):
    (found,) = errors("control: {token: ours}", held(b"foreign"))

    assert "GATEWAY_CONTROL_TOKEN: is another token than the file's" in found
    assert "foreign" not in found


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds nothing: "),
        (b" \n", "holds nothing: "),
        (b"\xff", "is not UTF-8: "),
        (b"x" * (LARGEST + 1), "is larger than 1 MiB: "),
    ],
)
def test_a_file_that_holds_no_secret_is_one_error(held, content, message):
    environ = held(content, GATEWAY_CONTROL_LISTEN="0.0.0.0:9090")  # which asks for a token
    (found,) = wrong(environ)

    assert found.startswith(f"environment: GATEWAY_CONTROL_TOKEN_FILE: {message}")


def test_a_file_that_is_not_there_is_an_error_and_waited_for(tmp_path):
    absent = tmp_path / "absent"
    with pytest.raises(ConfigErrors) as caught:
        load(None, {**ALONE, "GATEWAY_ALLOW_KEY_FILE": str(absent)})

    (found,) = caught.value.errors
    assert str(found) == (
        f"environment: GATEWAY_ALLOW_KEY_FILE: cannot be read: {absent}: No such file or directory"
    )
    assert found.beside == (absent,)


def test_both_variables_at_once_are_an_error(held):
    (found,) = wrong(held(b"one", GATEWAY_CONTROL_TOKEN="another"))

    assert found == (
        "environment: GATEWAY_CONTROL_TOKEN_FILE: is set as well as GATEWAY_CONTROL_TOKEN; "
        "unset one of the two"
    )


def test_other_settings_have_no_file():
    (found,) = wrong({**ALONE, "GATEWAY_TTL_FILE": "/run/secrets/ttl"})

    assert found.startswith("environment: GATEWAY_TTL_FILE: is no setting of the gateway")


def test_the_file_is_followed(held):
    environ = held(b"s3cret")

    assert watched(load(None, environ)) == [Path(environ["GATEWAY_CONTROL_TOKEN_FILE"])]

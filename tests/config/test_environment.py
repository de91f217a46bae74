from __future__ import annotations

import pytest

from gateway.config import ConfigErrors, load
from gateway.config.environment import FORMS, variable
from gateway.config.settings import Role
from gateway.core.flags import Kind
from tests.support.config_keys import known_keys

ALONE = {"GATEWAY_UPSTREAM": "http://127.0.0.1:8000"}


def lines(environ):
    with pytest.raises(ConfigErrors) as caught:
        load(None, environ)
    return [str(error) for error in caught.value.errors]


def test_every_key_has_a_variable(monkeypatch, tmp_path):
    keys = known_keys(monkeypatch, tmp_path, "flags: {}\n")

    assert keys - {"allow.users"} == set(FORMS)  # known there only to say where it belongs


def test_the_environment_alone_runs_one_flag_for_the_whole_site():
    settings = load(None, ALONE)

    assert settings.path is None
    assert [(flag.name, flag.kind, flag.state.enabled) for flag in settings.flags] == [
        ("site", Kind.SITE, False)
    ]


def test_without_an_upstream_the_environment_alone_is_not_enough():
    (found,) = lines({})

    assert found.startswith("environment: GATEWAY_UPSTREAM: is not set: where the app is")
    assert "`gateway init`" in found


def test_a_variable_wins_over_the_file(read):
    settings = read("listen: :1111\ntimeouts: {connect: 1s, idle: 2s}\n", {
        "GATEWAY_LISTEN": "127.0.0.1:2222",
        "GATEWAY_TIMEOUTS_CONNECT": "3s",
    })  # fmt: skip

    assert str(settings.listen) == "127.0.0.1:2222"
    assert (settings.timeouts.connect, settings.timeouts.idle) == (3.0, 2.0)


def test_every_kind_of_value_can_come_from_the_environment():
    settings = load(None, {
        **ALONE,
        "GATEWAY_CONTROL_TOKEN": "1e5",
        "GATEWAY_CONTROL_TOKENS": "{ci: {token: abc, role: viewer}}",
        "GATEWAY_CONTROL_LISTEN": "0.0.0.0:9999",
        "GATEWAY_STORE": "memory:",
        "GATEWAY_TTL": "30s",
        "GATEWAY_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "GATEWAY_LIMITS_BODY_BYTES": "null",
        "GATEWAY_LIMITS_CONNECTIONS": "20",
        "GATEWAY_PAGE_TITLE": "no",
        "GATEWAY_PAGE_RETRY_AFTER": "2m",
        "GATEWAY_FLAGS": '{"search": {"paths": ["/search"]}}',
    })  # fmt: skip

    assert [(each.name, each.secret, each.role) for each in settings.control.tokens] == [
        ("operator", "1e5", Role.OPERATOR),
        ("ci", "abc", Role.VIEWER),
    ]
    assert (settings.store, settings.ttl) == ("memory:", 30.0)
    assert [str(each) for each in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
    assert (settings.limits.body_bytes, settings.limits.connections) == (None, 20)
    assert (settings.page.title, settings.page.retry_after) == ("no", 120)
    assert [flag.name for flag in settings.flags] == ["search"]


def test_no_control_listener_can_be_asked_for():
    assert load(None, {**ALONE, "GATEWAY_CONTROL_LISTEN": "null"}).control.listen is None


def test_port_is_where_it_listens_if_nothing_else_says_so(read):
    assert str(read("", {"PORT": "3000"}).listen) == "0.0.0.0:3000"
    assert str(read("listen: :1111", {"PORT": "3000"}).listen) == "0.0.0.0:1111"
    assert str(read("", {"PORT": "3000", "GATEWAY_LISTEN": ":22"}).listen) == "0.0.0.0:22"


def test_a_port_that_is_no_number_is_an_error():
    assert lines({**ALONE, "PORT": "tcp"}) == ["environment: PORT: must be a port number"]


def test_enabled_turns_on_the_flag_that_is_there_without_any():
    (flag,) = load(None, {**ALONE, "GATEWAY_ENABLED": "true"}).flags

    assert (flag.name, flag.state.enabled) == ("site", True)


def test_enabled_beside_written_flags_is_an_error(errors):
    assert errors("flags: {a: {}}", {"GATEWAY_ENABLED": "true"}) == [
        "environment: GATEWAY_ENABLED: is for the flag site alone, when no flags are written"
    ]


def test_an_unknown_variable_is_an_error_with_a_hint():
    (found,) = lines({**ALONE, "GATEWAY_CONTROL_LISTN": "x"})

    assert found.startswith("environment: GATEWAY_CONTROL_LISTN: is no setting of the gateway")
    assert found.endswith('did you mean "GATEWAY_CONTROL_LISTEN"?')


def test_a_variable_like_no_other_gets_no_hint():
    assert lines({**ALONE, "GATEWAY_ZEBRA": "x"}) == [
        "environment: GATEWAY_ZEBRA: is no setting of the gateway"
    ]


FILE_TOKENS = [
    "control: {token: s3cret}",
    "control: {tokens: {ci: {token: other}, board: {token: s3cret, role: viewer}}}",
]


@pytest.mark.parametrize("text", FILE_TOKENS)
def test_the_command_line_s_token_may_be_one_of_the_file_s(read, text):
    environ = {"GATEWAY_CONTROL_TOKEN": "s3cret"}

    assert read(text, environ).control == read(text).control


@pytest.mark.parametrize("text", FILE_TOKENS)
def test_the_command_line_s_token_is_never_one_more_beside_the_file_s(errors, text):
    (found,) = errors(text, {"GATEWAY_CONTROL_TOKEN": "foreign"})

    assert found.startswith("environment: GATEWAY_CONTROL_TOKEN: is another token than the file's")
    assert "foreign" not in found


@pytest.mark.parametrize("text", ["", "control: {token: , tokens: {}}"])
def test_a_file_without_a_token_takes_the_variable_s(read, text):
    (token,) = read(text, {"GATEWAY_CONTROL_TOKEN": "s3cret"}).control.tokens

    assert (token.name, token.secret) == ("operator", "s3cret")


def test_a_token_that_both_variables_hold_keeps_its_name_and_role():
    control = load(None, {
        **ALONE,
        "GATEWAY_CONTROL_TOKEN": "abc",
        "GATEWAY_CONTROL_TOKENS": "{ci: {token: abc, role: viewer}}",
    }).control  # fmt: skip

    assert [(token.name, token.role) for token in control.tokens] == [("ci", Role.VIEWER)]


@pytest.mark.parametrize("path", FORMS)
def test_a_variable_that_is_set_but_empty_is_an_error(path):
    found = lines({**ALONE, variable(path): ""})

    assert f"environment: {variable(path)}: is set but empty; unset it, or give it a value" in found


def test_an_error_names_the_variable_and_the_place_in_its_list():
    assert lines({**ALONE, "GATEWAY_ALLOW_IPS": "10.0.0.1,x"}) == [
        "environment: GATEWAY_ALLOW_IPS[1]: must be an address or a network, such as 10.0.0.0/8"
    ]


def test_an_error_in_a_variable_of_yaml_has_its_line():
    assert lines({**ALONE, "GATEWAY_FLAGS": "search:\n  paths: [search]\n"}) == [
        'GATEWAY_FLAGS:2: flags.search.paths[0]: must start with "/"'
    ]


def test_variables_of_the_command_line_and_of_kubernetes_are_let_be():
    load(None, {
        **ALONE,
        "GATEWAY_URL": "http://127.0.0.1:9090",
        "GATEWAY_CONFIG": "config.yaml",
        "GATEWAY_USER": "alice",
        "GATEWAY_SERVICE_HOST": "10.0.0.1",
        "GATEWAY_SERVICE_PORT_HTTP": "80",
        "GATEWAY_PORT": "tcp://10.0.0.1:80",
        "GATEWAY_PORT_80_TCP_ADDR": "10.0.0.1",
        "GATEWAY_API_PORT": "tcp://10.0.0.2:80",
    })  # fmt: skip


def test_a_variable_that_the_file_names_may_be_called_anything(read):
    assert read("page: {title: ${GATEWAY_HEADING}}", {"GATEWAY_HEADING": "x"}).page.title == "x"


def test_a_variable_that_is_not_utf8_is_an_error():
    assert lines({**ALONE, "GATEWAY_PAGE_TITLE": "\udcff"}) == [
        "environment: GATEWAY_PAGE_TITLE: the environment variable GATEWAY_PAGE_TITLE is not UTF-8"
    ]


def test_what_a_guard_tells_its_command_is_no_misspelt_setting():
    told = {"GATEWAY_FLAG": "site", "GATEWAY_REVISION": "9", "GATEWAY_PROGRESS": "progress"}
    assert load(None, {**ALONE, **told}).path is None
    assert len(lines({**ALONE, "GATEWAY_FLAG": "site", "GATEWAY_PROGRESS": "progress"})) == 2

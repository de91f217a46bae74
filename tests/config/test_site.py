from __future__ import annotations

import pytest

from gateway.config.settings import Limits, Timeouts
from gateway.core.flags import HoldTerms


def test_what_is_not_said_has_its_default(read, tmp_path):
    settings = read("")

    assert str(settings.listen) == "0.0.0.0:8080"
    assert str(settings.control.listen) == "127.0.0.1:9090"
    assert (settings.timeouts, settings.limits) == (Timeouts(), Limits())
    assert (settings.ttl, settings.workers, settings.tls) == (300.0, 1, None)
    assert (settings.on_app_down, settings.hold) == ("error", HoldTerms(30.0, 1000, 100))
    assert settings.store == f"sqlite:{tmp_path}/gateway.db"


def test_null_is_the_same_as_not_said(read):
    text = "listen:\nttl: null\ntimeouts:\nlimits: ~\ncontrol: null\nallow:\npage:\nflags:\ntls:\n"

    assert read(text) == read("")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5", 5), ("0", 0), ("1.5", 1.5), ("500ms", 0.5), ("90s", 90), ("5m", 300), ("2h", 7200),
     ("1d", 86400), ("'7'", 7)],
)  # fmt: skip
def test_durations_are_seconds_or_have_a_unit(read, text, seconds):
    assert read(f"ttl: {text}").ttl == seconds


@pytest.mark.parametrize(
    "text", ["-1", "5x", "m", "true", "[5]", "{}", "1:30", ".inf", "2y", "400d", "''", "1e3"]
)
def test_what_is_no_duration_is_an_error(errors, text):
    (found,) = errors(f"ttl: {text}")

    assert found.startswith("config.yaml:1: ttl: must be ")


def test_a_timeout_of_nothing_is_an_error_but_for_shutdown(read, errors):
    assert errors("timeouts: {connect: 0}") == [
        "config.yaml:1: timeouts.connect: must be more than 0"
    ]
    assert read("timeouts: {shutdown: 0}").timeouts.shutdown == 0


@pytest.mark.parametrize("text", ["0", "-5", "1.5", "many", "true", "010", "0x10", "1:30"])
def test_a_number_is_whole_decimal_and_in_range(errors, text):
    (found,) = errors(f"limits: {{connections: {text}}}")

    assert found.startswith("config.yaml:1: limits.connections: must be ")


def test_a_number_may_have_underscores(read):
    assert read("limits: {body_bytes: 10_000_000}").limits.body_bytes == 10_000_000


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("listne: :80", 'listne: unknown key; did you mean "listen"?'),
        ("timeout: {connect: 5}", 'timeout: unknown key; did you mean "timeouts"?'),
        ("timeouts: {Connect: 5}", 'timeouts.Connect: unknown key; did you mean "connect"?'),
        ("zebra: 1", "zebra: unknown key"),
        ("page: {messages: x}", 'page.messages: unknown key; did you mean "message"?'),
        ("timeouts: 5", "timeouts: must be a mapping, such as {key: value}"),
        ("flags: [site]", "flags: must be a mapping, such as {key: value}"),
        ("allow: {paths: /a}", "allow.paths: must be a list, such as [one, two]"),
        ("listen: [a]", "listen: must be text"),
        ('"\\e[31m": 1', '["\\u001b[31m"]: unknown key'),
    ],
)  # fmt: skip
def test_wrong_keys_and_types_are_errors(errors, text, error):
    assert errors(text) == [f"config.yaml:1: {error}"]


def test_users_are_exempt_by_a_flag_and_not_by_the_site(errors):
    (found,) = errors("allow: {users: [a]}")

    assert found.startswith("config.yaml:1: allow.users: belongs into a flag's allow")


def test_one_key_may_sign_links_past_every_flag_and_shows_nowhere(read):
    settings = read("allow: {key: k3y-of-links}")

    assert settings.allow.key == "k3y-of-links"
    assert "k3y-of-links" not in repr(settings)


def test_keys_for_anchors_are_ignored(read):
    read("x-anything: {at: [all]}")


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("flags: {a: {source: {launchdarkly: k}}}", "flags.a.source.launchdarkly"),
    ],
)
def test_keys_of_a_later_version_are_refused_as_that(errors, text, path):
    (found,) = errors(text)

    assert found.startswith(f"config.yaml:1: {path}: this version does not do ")
    assert " yet" in found


@pytest.mark.parametrize(
    ("text", "store"),
    [
        ("memory:", "memory:"),
        ("memory", "memory:"),
        ("sqlite:state/gateway.db", "sqlite:{folder}/state/gateway.db"),
        ("sqlite:/var/lib/gateway.db", "sqlite:/var/lib/gateway.db"),
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"),
        ("redis+sentinel://a,b/main?wait=1", "redis+sentinel://a,b/main?wait=1"),
    ],
)
def test_a_store_is_beside_the_file_unless_absolute(read, tmp_path, text, store):
    assert read(f"store: '{text}'").store == store.format(folder=tmp_path)


@pytest.mark.parametrize("text", ["gateway.db", "sqlite:", "memory:x", "mysql://x", "5"])
def test_what_is_no_store_is_an_error(errors, text):
    assert errors(f"store: '{text}'") == [
        "config.yaml:1: store: must be sqlite:PATH, redis://HOST:PORT or memory"
    ]


@pytest.mark.parametrize("text", ["store: memory:", "store: memory:   # none", "ttl: 5m:\n"])
def test_a_bare_value_that_ends_in_a_colon_is_told_to_be_quoted(errors, text):
    (found,) = errors(text)

    assert found.startswith("config.yaml:1: is not valid YAML: mapping values are not allowed")
    assert found.endswith('; a value that ends in a colon needs quotes, as "memory:"')


def test_a_wrong_redis_address_is_an_error_that_shows_no_password(errors):
    assert errors("store: redis://:hunter2@host/x") == [
        "config.yaml:1: store: must end in the number of a database, as /0"
    ]


def test_a_redis_address_names_only_files_that_are_there(errors, tmp_path):
    (tmp_path / "ca.pem").touch()
    assert errors(f"store: rediss://host?ca={tmp_path}/absent.pem") == [
        "config.yaml:1: store: names a file that cannot be read: No such file or directory"
    ]


def test_the_password_of_a_store_is_in_no_repr(read):
    assert "hunter2" not in repr(read("store: redis://:hunter2@host"))


def test_two_listeners_on_one_address_are_a_contradiction(errors):
    (found,) = errors("listen: 127.0.0.1:9090")

    assert found.startswith("config.yaml:1: listen: listen and control.listen are the same")


def test_a_gateway_in_front_of_itself_is_a_contradiction(errors):
    assert errors("upstream: http://localhost:8080\nlisten: :8080") == [
        "config.yaml:1: upstream: is the gateway's own address: it would call itself"
    ]


def test_requests_may_wait_for_the_app(read, errors):
    assert read("on_app_down: hold").on_app_down == "hold"
    assert errors("on_app_down: wait") == ["config.yaml:1: on_app_down: must be one of error, hold"]


def test_origins_are_read_as_browsers_write_them(read):
    text = "cors: {origins: ['https://App.example.com:443/', 'http://localhost:3000', '*']}"
    assert read(text).cors_origins == (
        "https://app.example.com",
        "http://localhost:3000",
        "*",
    )


@pytest.mark.parametrize(
    "origin",
    ["null", "app.example.com", "https://app.example.com/path", "https://", "https://a@b", "**"],
)
def test_what_is_no_origin_is_refused(errors, origin):
    (found,) = errors(f"cors: {{origins: ['{origin}']}}")
    assert "cors.origins[0]" in found

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import ConfigErrors, load
from gateway.config.addresses import _LISTEN
from gateway.config.settings import Address, Role
from gateway.core.flags import IdentitySource, Kind, Mode

EXAMPLE = """\
upstream: http://127.0.0.1:8000     # http://, https://, unix:/run/app.sock
listen: 0.0.0.0:8080                # or unix:/run/gateway.sock; TLS with tls: {cert, key}
workers: 1                          # or auto: one a core
trusted_proxies: [127.0.0.1/32]     # whose X-Forwarded-For is believed; default: none
timeouts: {connect: 5s, response: 60s, idle: 75s, header: 10s, shutdown: 30s}
limits: {connections: 10000, header_bytes: 32768, body_bytes: null}

control:
  listen: 127.0.0.1:9090            # control API, dashboard, health, metrics; null: none
  path: null                        # e.g. /-/maintenance: the same, on the public port too
  token: ${GATEWAY_CONTROL_TOKEN}   # several, named: tokens: {ci: {token, role: operator}}

store: sqlite:gateway.db            # or redis://host:6379/0, rediss://, memory:
ttl: 5m                             # for every flag that does not say otherwise

allow:                              # exemptions from every flag
  paths: [/healthz]
  ips: [10.0.0.0/8]

cors: {origins: []}                 # who may read the gateway's own answers cross-origin
page: {title: null, message: null, retry_after: 5m, template: null, status: 503, url: null}

flags:
  site: {}                          # whole-site: no scope, no user; off until flipped

  search:                           # whole-feature: a path scope
    paths: [/search, "/api/*/search/**"]
    hosts: ["*.example.com"]        # optional, as are methods: [POST]
    page: {message: Search is being rebuilt., retry_after: 10m}

  reindex:                          # per-user: a scope, an identity, and who is held
    paths: [/search]
    user: {cookie: uid}             # or {header: X-User-Id}; a list is tried in order
    users: []                       # the include list
    rollout: 0                      # and/or a sticky percentage of all users
    ttl: 0
    allow: {users: [ops], paths: [/search/help], key: ${BYPASS_KEY}}

  writes: {mode: read-only}
"""


def test_the_whole_example_loads(read, tmp_path):
    settings = read(EXAMPLE, {"GATEWAY_CONTROL_TOKEN": "s3cret", "BYPASS_KEY": "sign-with-this"})

    assert settings.upstream == Address("127.0.0.1", 8000)
    assert settings.limits.body_bytes is None
    assert [(token.secret, token.role) for token in settings.control.tokens] == [
        ("s3cret", Role.OPERATOR)
    ]
    assert settings.store == f"sqlite:{tmp_path}/gateway.db"
    assert settings.page.retry_after == 300
    site, search, reindex, writes = settings.flags
    assert [flag.kind for flag in settings.flags] == [Kind.SITE, Kind.FEATURE, Kind.USER, Kind.SITE]
    assert (site.state.enabled, site.state.ttl, site.state.ttl_inherited) == (False, 300.0, True)
    assert (search.state.message, search.state.retry_after) == ("Search is being rebuilt.", 600)
    assert reindex.identity is not None
    assert reindex.identity.sources == (IdentitySource("cookie", "uid"),)
    assert (reindex.state.enabled, reindex.state.ttl, reindex.state.ttl_inherited) == (
        True,
        0.0,
        False,
    )
    assert reindex.allow.users == {"ops"}
    assert writes.state.mode is Mode.READ_ONLY


def test_no_secret_shows_in_a_repr_of_the_settings(read):
    environ = {"GATEWAY_CONTROL_TOKEN": "s3cret", "BYPASS_KEY": "sign-with-this"}

    shown = repr(read(EXAMPLE, environ))

    assert "s3cret" not in shown
    assert "sign-with-this" not in shown


def test_every_error_is_reported_at_once_with_file_line_and_path(errors):
    text = """\
upstream: ftp://app
listen: nowhere
flags:
  search:
    paths:
      - search
    enabled: perhaps
  reindex:
    rollout: 120
    user: {cokie: uid}
"""
    assert errors(text) == [
        "config.yaml:1: upstream: must be http://host:port, https://host:port or unix:/path",
        f"config.yaml:2: listen: {_LISTEN}",
        'config.yaml:6: flags.search.paths[0]: must start with "/"',
        "config.yaml:7: flags.search.enabled: must be true or false",
        "config.yaml:9: flags.reindex.rollout: must be a number from 0 to 100",
        'config.yaml:10: flags.reindex.user.cokie: unknown key; did you mean "cookie"?',
    ]


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null\n"])
def test_an_empty_file_is_an_error(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)

    with pytest.raises(ConfigErrors, match=r"config\.yaml: is empty"):
        load(path, {})


@pytest.mark.parametrize("text", ["- a\n- b\n", "just text\n", "42\n"])
def test_a_file_that_is_no_mapping_is_an_error(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)

    with pytest.raises(ConfigErrors, match=r"config\.yaml:1: must be a mapping"):
        load(path, {})


def test_a_file_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(ConfigErrors, match=r"absent\.yaml: cannot be read: No such file"):
        load(tmp_path / "absent.yaml", {})


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path):
    with pytest.raises(ConfigErrors, match="cannot be read: Is a directory"):
        load(tmp_path, {})


def test_a_missing_upstream_is_an_error(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("listen: :8080\n")

    with pytest.raises(ConfigErrors, match="upstream: is missing"):
        load(path, {})


def test_a_file_without_flags_has_one_for_the_whole_site(read):
    (flag,) = read("listen: :8080\n").flags

    assert (flag.name, flag.kind, flag.state.enabled) == ("site", Kind.SITE, False)


def test_no_flags_at_all_is_accepted_where_it_is_said(read):
    assert read("flags: {}\n").flags == ()


def test_the_path_of_the_file_is_kept(read, tmp_path):
    assert read("").path == Path(tmp_path / "config.yaml")

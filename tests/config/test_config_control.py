from __future__ import annotations

import pytest

from gateway.config.settings import Role

CLOSED = "control.listen: is not loopback, so it needs control.token: anybody could flip the flags"


@pytest.mark.parametrize(
    "listen", ["0.0.0.0:9090", "':9090'", "'[::]:9090'", "10.0.0.1:9090", "a:1"]
)
@pytest.mark.parametrize("rest", ["", ", token: null", ", tokens: {}", ", metrics_token: x"])
def test_beyond_loopback_it_needs_a_token(errors, listen, rest):
    assert errors(f"control: {{listen: {listen}{rest}}}") == [f"config.yaml:1: {CLOSED}"]


@pytest.mark.parametrize("rest", ["token: a", "tokens: {ci: {token: a}}"])
def test_beyond_loopback_it_starts_with_one(read, rest):
    assert read(f"control: {{listen: 0.0.0.0:9090, {rest}}}").control.tokens


@pytest.mark.parametrize("listen", ["127.0.0.1:9090", "localhost:1", "'[::1]:9'", "unix:/run/c"])
def test_on_loopback_it_needs_none(read, listen):
    assert read(f"control: {{listen: {listen}}}").control.tokens == ()


def test_the_names_that_the_listener_may_be_called_by(read, errors):
    hosts = read("control: {hosts: [gw.internal, '*.ops.example']}").control.hosts
    assert [str(host) for host in hosts] == ["gw.internal", "*.ops.example"]
    wide = "control.hosts[0]: would be the name of any page's host as well; write names out"
    for text in ("'*'", "'*.*'"):
        assert errors(f"control: {{hosts: [{text}]}}") == [f"config.yaml:1: {wide}"]
    assert "is not a host name" in errors("control: {hosts: ['http://a']}")[0]


@pytest.mark.parametrize("value", ["null", "~", ""])
def test_null_is_no_control_listener(read, value):
    assert read(f"control: {{listen: {value}}}").control.listen is None


def test_tokens_have_names_and_roles(read):
    control = read(
        "control: {token: a, metrics_token: m, tokens: {ci: {token: b, role: operator},"
        " board: {token: c, role: viewer}, quiet: {token: d}}}"
    ).control

    assert [(token.name, token.secret, token.role) for token in control.tokens] == [
        ("operator", "a", Role.OPERATOR),
        ("ci", "b", Role.OPERATOR),
        ("board", "c", Role.VIEWER),
        ("quiet", "d", Role.VIEWER),
    ]
    assert control.metrics_token == "m"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("token: ''", "control.token: is empty"),
        ("token: [a]", "control.token: must be text"),
        ("token: yes", "control.token: must be text; YAML reads a bare yes"),
        ("tokens: [a]", "control.tokens: must be a mapping"),
        ("tokens: {ci: a}", "control.tokens.ci: must be {token: ..., role: viewer or operator}"),
        ("tokens: {ci: {role: viewer}}", "control.tokens.ci.token: is missing"),
        ("tokens: {ci: {token: }}", "control.tokens.ci.token: is missing"),
        ("tokens: {ci: {token: a, role: admin}}", "control.tokens.ci.role: must be one of"),
        ("tokens: {ci: {token: a, rule: viewer}}", "control.tokens.ci.rule: unknown key"),
        ("token: a, tokens: {operator: {token: b}}", "control.tokens: operator is the name of"),
        ("tokens: {a: {token: x}, b: {token: x}}", "control.tokens: b has the same token as a"),
        ("tokens: {'': {token: x}}", 'control.tokens[""]: must have a name'),
    ],
)
def test_tokens_that_let_the_wrong_ones_in_are_errors(errors, text, error):
    (found,) = errors(f"control: {{{text}}}")

    assert found.startswith(f"config.yaml:1: {error}")

from __future__ import annotations

import pytest


def title(read, text, environ=None):
    return read(f"page: {{title: {text}}}", environ or {}).page.title


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("a ${A} b ${B}", {"A": "1", "B": "2"}, "a 1 b 2"),
        ('"a, ${A}: b"', {"A": "1"}, "a, 1: b"),
        ("'${A}'", {"A": "no"}, "no"),
        ("${A:-x}", {}, "x"),
        ("${A:-x}", {"A": ""}, "x"),
        ("${A:-x y: z, [#w]}", {}, "x y: z, [#w]"),
        ("'${A:-}b'", {}, "b"),
        ("$${A}", {"A": "x"}, "${A}"),
        ("$A", {"A": "x"}, "$A"),
        ("a$$b", {}, "a$$b"),
        ("${A}", {"A": "${B}"}, "${B}"),
        ("${A}", {"A": "[x, y]"}, "[x, y]"),
        ("${A}", {"A": "x, retry_after: 5"}, "x, retry_after: 5"),
        ("${A}", {"A": "x # y\nb: c"}, "x # y\nb: c"),
    ],
)
def test_variables_fill_in_text_and_nothing_else(read, text, environ, value):
    assert title(read, text, environ) == value


def test_a_default_may_hold_what_ends_a_bare_value(read):
    assert read("upstream: ${APP:-http://127.0.0.1:9}").upstream.port == 9


def test_an_unset_variable_is_an_error_that_names_it(errors):
    said = "the environment variable NOBODY is not set, and there is no default"

    assert errors("page:\n  title: ${NOBODY}\n") == [f"config.yaml:2: page.title: {said}"]


def test_a_variable_in_a_comment_is_not_asked_for(read):
    read("# ${NOBODY}\n")


@pytest.mark.parametrize("text", ["'${'", "'${}'", "'${A-b}'", "'${A:?b}'", "'${1A}'", "'${A B}'"])
def test_what_looks_like_a_variable_and_is_none_is_an_error(errors, text):
    (found,) = errors(f"page: {{title: {text}}}", {"A": "x"})

    assert "neither ${NAME} nor ${NAME:-default}" in found


def test_a_bare_variable_has_the_type_that_it_looks_like(read):
    settings = read(
        "workers: ${N}\nttl: ${T}m\nlimits: {connections: ${C}}\nflags: {f: {enabled: ${ON}}}",
        {"N": "1", "T": "2", "C": "7", "ON": "true"},
    )

    assert (settings.workers, settings.ttl, settings.limits.connections) == (1, 120.0, 7)
    assert settings.flags[0].state.enabled is True


def test_a_variable_in_quotes_is_text(errors):
    assert errors('workers: "${N}"', {"N": "1"}) == [
        "config.yaml:1: workers: must be a whole number, or auto: one for each core"
    ]


def test_a_list_never_comes_out_of_a_variable(errors):
    assert errors("trusted_proxies: ${NETS}", {"NETS": "[10.0.0.0/8]"}) == [
        "config.yaml:1: trusted_proxies: must be a list, such as [one, two]"
    ]


@pytest.mark.parametrize("value", ["null", "~", "no", "12", "1e5", "1:30"])
def test_a_token_is_taken_as_it_is(read, value):
    (token,) = read("control: {token: ${T}}", {"T": value}).control.tokens

    assert token.secret == value


@pytest.mark.parametrize("text", ["${T}", "${T:-}", '"${T}"'])
def test_an_empty_token_is_an_error_and_not_no_token(errors, text):
    assert errors(f"control: {{token: {text}}}", {"T": ""}) == [
        "config.yaml:1: control.token: is empty; an empty secret would let everybody in"
    ]


@pytest.mark.parametrize("value", ["two words", "t0k\n", "tökén"])
def test_a_token_that_fits_in_no_header_is_an_error_that_does_not_show_it(errors, value):
    (found,) = errors("control: {token: ${T}}", {"T": value})

    assert found.startswith("config.yaml:1: control.token: must be of visible ASCII")
    assert value.strip() not in found

from __future__ import annotations

import pytest

from gateway.core.flags import HoldTerms, IdentitySource, Kind, Mode

USER = "user: {cookie: uid}"


def flag(read, text):
    (found,) = read(f"flags: {{f: {{{text}}}}}").flags
    return found


def flag_errors(errors, text):
    found = errors(f"flags: {{f: {{{text}}}}}")
    return [line.removeprefix("config.yaml:1: flags.f").lstrip(".") for line in found]


@pytest.mark.parametrize(
    ("text", "kind", "enabled"),
    [
        ("", Kind.SITE, False),
        ("enabled: on", Kind.SITE, True),
        ("paths: [/a]", Kind.FEATURE, False),
        ("hosts: [a.example]", Kind.FEATURE, False),
        ("methods: [post]", Kind.FEATURE, False),
        (USER, Kind.USER, True),
        (f"{USER}, enabled: off", Kind.USER, False),
    ],
)
def test_the_kind_follows_from_the_keys_and_only_user_flags_are_armed(read, text, kind, enabled):
    found = flag(read, text)

    assert (found.kind, found.state.enabled) == (kind, enabled)


def test_users_are_the_text_that_was_written(read):
    found = flag(read, f"{USER}, users: [1234, 007, 1.50, 0x1F, 2024-01-01, a, a, 'no']")

    assert found.state.users == ("1234", "007", "1.50", "0x1F", "2024-01-01", "a", "no")


@pytest.mark.parametrize("word", ["no", "Yes", "off", "true"])
def test_a_bare_boolean_among_users_is_an_error_that_asks_for_quotes(errors, word):
    assert flag_errors(errors, f"{USER}, users: [{word}]") == [
        f'users[0]: must be text; YAML reads a bare {word} as true or false: write "{word}"'
    ]


@pytest.mark.parametrize("word", ["null", "''", "[a]", '"a\\nb"'])
def test_a_user_that_is_no_name_is_an_error(errors, word):
    (found,) = flag_errors(errors, f"{USER}, users: [{word}]")

    assert found.startswith("users[0]: must ")


@pytest.mark.parametrize(
    ("text", "sources", "missing"),
    [
        ("{cookie: uid}", [("cookie", "uid")], False),
        ("{header: X-User-Id}", [("header", "X-User-Id")], False),
        ("{cookie: uid, missing: hold}", [("cookie", "uid")], True),
        ("[{header: X-User-Id}, {cookie: uid}]", [("header", "X-User-Id"), ("cookie", "uid")], 0),
        ("{sources: [{cookie: uid}, {cookie: sid}], missing: hold}",
         [("cookie", "uid"), ("cookie", "sid")], True),
    ],
)  # fmt: skip
def test_the_user_is_found_in_cookies_and_headers(read, text, sources, missing):
    identity = flag(read, f"user: {text}").identity

    assert identity is not None
    assert identity.sources == tuple(IdentitySource(place, name) for place, name in sources)
    assert identity.hold_missing is bool(missing)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("uid", "user: must be {cookie: NAME}"),
        ("{}", "user: must be {cookie: NAME}"),
        ("[]", "user: must be {cookie: NAME}"),
        ("[uid]", "user[0]: must be {cookie: NAME}"),
        ("{missing: hold}", "user: must be {cookie: NAME}"),
        ("{cookie: a, header: b}", "user: has both cookie and header"),
        ("{cookie: 'a b'}", "user.cookie: must be a name of"),
        ("{cookie: a, missing: refuse}", "user.missing: must be one of forward, hold"),
        ("[{cookie: a, missing: hold}]", "user[0].missing: is said once"),
        ("{cookie: a, sources: [{cookie: b}]}", "user.sources: goes without cookie"),
        ("{sources: uid}", "user.sources: must be a list"),
        ("[{cookie: a}, {cookie: a}]", "user: names the same"),
    ],
)
def test_a_user_that_cannot_be_found_is_an_error(errors, text, error):
    (found,) = flag_errors(errors, f"user: {text}")

    assert found.startswith(error)


@pytest.mark.parametrize("key", ["users: [a]", "rollout: 5", "allow: {users: [a]}"])
def test_users_without_user_are_a_contradiction(errors, key):
    (found,) = flag_errors(errors, key)

    assert found.endswith(": needs the flag to have user, such as user: {cookie: uid}")


def test_empty_users_without_user_are_none(read):
    assert flag(read, "users: [], rollout: 0").kind is Kind.SITE


@pytest.mark.parametrize("value", ["-1", "100.5", "half", "true", ".inf", "'5'"])
def test_a_rollout_is_a_percentage(errors, value):
    assert flag_errors(errors, f"{USER}, rollout: {value}") == [
        "rollout: must be a number from 0 to 100"
    ]


def test_a_rollout_may_have_a_fraction(read):
    assert flag(read, f"{USER}, rollout: 12.5").state.rollout == 12.5


@pytest.mark.parametrize("key", ["paths", "hosts", "methods"])
@pytest.mark.parametrize("value", ["[]", "", "null"])
def test_an_emptied_scope_is_an_error_and_not_the_whole_site(errors, key, value):
    (found,) = flag_errors(errors, f"{key}: {value}")

    assert found == f"{key}: is empty; leave the key out if it is not to restrict the flag"


def test_read_only_on_methods_that_pass_anyway_is_a_contradiction(errors):
    (found,) = flag_errors(errors, "mode: read-only, methods: [get, HEAD]")

    assert found.startswith("mode: read-only lets GET, HEAD and OPTIONS pass")


def test_methods_are_upper_case_and_modes_known(read, errors):
    assert flag(read, "methods: [post, PUT]").scope.methods == {"POST", "PUT"}
    assert flag(read, "mode: read-only").state.mode is Mode.READ_ONLY
    (found,) = flag_errors(errors, "mode: readonly")
    modes = "unavailable, read-only, hold, notice, anonymous"
    assert found == f'mode: must be one of {modes}; did you mean "read-only"?'


def test_how_drains_go_is_not_for_a_flag_to_say(errors):
    assert flag_errors(errors, "drain: {grace: 5s}") == ["drain: unknown key"]


def test_ttl_is_the_sites_where_the_flag_has_none(read):
    first, second = read("ttl: 30s\nflags: {a: {}, b: {ttl: 30s}}").flags

    assert (first.state.ttl, first.state.ttl_inherited) == (30.0, True)
    assert (second.state.ttl, second.state.ttl_inherited) == (30.0, False)


def test_case_is_told_apart_where_it_is_said(read):
    patterns = [*flag(read, "case_sensitive: true, paths: [/A]").scope.paths,
                *flag(read, "paths: [/A]").scope.paths]  # fmt: skip

    assert [pattern.case_sensitive for pattern in patterns] == [True, False]


def test_exemptions_are_read_and_the_bypass_key_shows_nowhere(read, errors):
    text = f"{USER}, allow: {{paths: [/a/b], ips: [10.0.0.1], users: [ops, 7], key: k3y-of-links}}"
    found = flag(read, text)

    assert found.allow.users == {"ops", "7"}
    assert [str(network) for network in found.allow.networks] == ["10.0.0.1/32"]
    assert found.allow.key == "k3y-of-links"
    assert "k3y-of-links" not in repr(found)
    assert flag_errors(errors, "allow: {key: ''}") == [
        "allow.key: is empty; an empty secret would let everybody in"
    ]


@pytest.mark.parametrize("name", ["a b", "..", ".", "-x", "a/b", "é", "x" * 65, '""'])
def test_a_flags_name_fits_into_urls_and_command_lines(errors, name):
    (found,) = errors(f"flags: {{{name}: {{}}}}")

    assert "a flag's name is of letters" in found


@pytest.mark.parametrize("name", ["a.b", "404", "on", "_x-1", "X"])
def test_other_names_are_fine(read, name):
    (found,) = read(f"flags: {{{name}: }}").flags

    assert found.name == name


@pytest.mark.parametrize("value", ["5", "[]", "text", "true"])
def test_a_flag_that_is_no_mapping_is_an_error(errors, value):
    assert errors(f"flags: {{f: {value}}}") == [
        "config.yaml:1: flags.f: must be a mapping, such as {key: value}"
    ]


def test_the_order_is_the_order_written(read):
    assert [each.name for each in read("flags: {z: {}, a: {}, m: {}}").flags] == ["z", "a", "m"]


def test_an_error_is_one_line_that_no_terminal_acts_upon(errors):
    (found,) = flag_errors(errors, r'hosts: ["a\e[2J\n/b"]')

    assert found.isprintable()


def test_bad_patterns_are_errors_at_their_place(errors):
    found = flag_errors(errors, "paths: [/ok, search, /a/../b], hosts: ['a/b']")

    assert [line.partition(":")[0] for line in sorted(found)] == [
        "hosts[0]", "paths[1]", "paths[2]"
    ]  # fmt: skip


def test_how_requests_wait_is_the_sites_but_for_what_the_flag_says(read):
    text = "hold: {for: 10s, limit: 5}\nflags: {a: {mode: hold}, b: {hold: {for: 2m, rate: 7}}}"
    first, second = read(text).flags

    assert first.state.mode is Mode.HOLD
    assert first.hold == HoldTerms(10.0, 5, 100)
    assert second.hold == HoldTerms(120.0, 5, 7)
    assert read("hold: {limit: 5}").flags[0].hold.limit == 5


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("hold: {for: 0}", "hold.for: must be more than 0"),
        ("hold: {limit: 0}", "hold.limit: must be from 1 to 1000000"),
        ("hold: {rate: 0.5}", "hold.rate: must be a whole number"),
        ("hold: {most: 5}", "hold.most: unknown key"),
        ("hold: 30s", "hold: must be a mapping, such as {key: value}"),
    ],
)
def test_waiting_for_nothing_or_for_ever_is_an_error(errors, text, error):
    assert flag_errors(errors, text) == [error]

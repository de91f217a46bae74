"""``notice`` and ``strip``: what is done to requests that a flag lets go on."""

from __future__ import annotations

import pytest

from gateway.core.flags import Mode, Notice, Strip


def flag(read, text):
    return read(f"flags: {{f: {{{text}}}}}").flags[0]


def flag_errors(errors, text):
    return [line.partition("flags.f.")[2] for line in errors(f"flags: {{f: {{{text}}}}}")]


def test_notice_and_strip_are_read(read):
    noticed = flag(read, 'mode: notice, notice: {banner: Soon., hide: ["#q", .x > a, "#q"]}')
    stripped = flag(read, "mode: anonymous, strip: {cookies: [sid], headers: [Authorization]}")

    assert (noticed.state.mode, noticed.notice) == (
        Mode.NOTICE, Notice("Soon.", ("#q", ".x > a"))
    )  # fmt: skip
    assert (stripped.state.mode, stripped.strip) == (
        Mode.ANONYMOUS, Strip(("sid",), ("Authorization",))
    )  # fmt: skip


@pytest.mark.parametrize("text", ["mode: notice", "mode: notice, notice: {}", "notice: null"])
def test_notice_may_show_nothing(read, text):
    assert flag(read, text).notice == Notice()


@pytest.mark.parametrize("rest", ["", ", strip: {}", ", strip: {cookies: []}", ", strip: null"])
def test_anonymous_without_anything_to_take_out_is_an_error(errors, rest):
    assert flag_errors(errors, f"mode: anonymous{rest}") == [
        "mode: anonymous needs strip, such as strip: {cookies: [sessionid]}"
    ]


def test_strip_waits_for_a_flip_where_the_mode_is_another(read):
    assert flag(read, "strip: {cookies: [sid]}").strip == Strip(("sid",))


@pytest.mark.parametrize(
    "selector", ['"a{}"', '"a;b"', '"@media"', '"</style>"', '"a/* b"', "'a[\"'", '""', "[a]"]
)
def test_selector_that_could_break_out_is_an_error(errors, selector):
    (found,) = flag_errors(errors, f"notice: {{hide: [{selector}]}}")

    assert found.startswith("notice.hide[0]: must be ")


@pytest.mark.parametrize("name", ["Host", "content_length", "Transfer-Encoding", "Connection"])
def test_header_that_the_request_needs_is_an_error(errors, name):
    (found,) = flag_errors(errors, f"strip: {{headers: [{name}]}}")

    assert found.startswith("strip.headers[0]: cannot be taken out")


def test_wrong_names_and_keys_and_too_many_are_errors(errors):
    many = ", ".join(f"c{i}" for i in range(101))
    found = flag_errors(errors, f"strip: {{cookies: [{many}], headers: [a b], header: [x]}}")

    assert sorted(found) == [
        "strip.cookies: has 101 entries; at most 100",
        'strip.header: unknown key; did you mean "headers"?',
        "strip.headers[0]: must be a name of letters, digits and !#$%&'*+-.^_`|~",
    ]
    assert flag_errors(errors, f"notice: {{banner: {'x' * 4001}}}") == [
        "notice.banner: must have 4000 characters at most"
    ]

from __future__ import annotations

import pytest

from gateway.config import document


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("listen: :80\nflags: [1\n", 2, "did not find expected ',' or ']'"),
        ("flags:\n  a: b: c\n", 2, "mapping values are not allowed"),
        ("listen: 'x\n\n", 2, "while scanning a quoted scalar that begins in line 1"),
        ("a: *nothing\n", 1, "undefined alias"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: @x\n", 1, "cannot start any token"),
    ],
)
def test_a_syntax_error_has_its_line(errors, text, line, says):
    (found,) = errors(text, whole=True)

    assert found.startswith(f"config.yaml:{line}: is not valid YAML: ")
    assert says in found


@pytest.mark.parametrize("text", ["flags:\n\tsite: {}\n", "flags:\n  site:\n\t\tttl: 5\n"])
def test_a_tab_is_called_a_tab(errors, text):
    (found,) = errors(text)

    assert found.endswith(": has a tab; YAML is indented with spaces")


def test_bytes_that_are_not_utf8_have_their_line(errors):
    assert errors(b"listen: :80\npage: {title: \xff}\n") == [
        "config.yaml:2: is not UTF-8 (byte 0xff)"
    ]


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f"])
def test_control_characters_have_their_line(errors, character):
    (found,) = errors(f"listen: :80\npage: {{title: a{character}b}}\n")

    assert found == f"config.yaml:2: has the character U+{ord(character):04X}; take it out"


def test_a_byte_order_mark_is_let_by(read):
    assert read("\ufeffttl: 5").ttl == 5


def test_windows_line_ends_are_lines(errors):
    assert errors("listen: :80\r\nttl: x\r\n")[0].startswith("config.yaml:2: ttl: ")


def test_a_key_written_twice_is_an_error_at_the_second(errors):
    assert errors("flags:\n  a: {}\n  b: {}\n  a: {}\n") == [
        "config.yaml:4: flags.a: is there twice; the first is in line 2"
    ]


def test_a_key_that_is_a_list_is_an_error(errors):
    assert errors("? [a, b]\n: c\n") == ["config.yaml:1: a key must be plain text"]


@pytest.mark.parametrize("tag", ["!!python/object:os.system", "!custom", "!!binary", "!!set"])
def test_tags_are_refused(errors, tag):
    (found,) = errors(f"page: {{title: {tag} aGk=}}")

    assert found == "config.yaml:1: page.title: has a YAML tag (!...) that means nothing here"


def test_aliases_and_merges_mean_what_they_stand_for(read):
    first, second, third = read("""
x-reader: &reader {paths: [/a], user: {cookie: uid}, ttl: 0}
flags:
  one: *reader
  two: {<<: *reader, ttl: 7}
  three: {<<: [{ttl: 1}, *reader]}
""").flags

    assert [first.state.ttl, second.state.ttl, third.state.ttl] == [0, 7, 1]
    assert first.scope == second.scope == third.scope
    assert third.identity is not None


def test_an_error_behind_an_alias_names_where_it_is_used(errors):
    assert errors("x-paths: &paths [a]\nflags:\n  f: {paths: *paths}\n") == [
        'config.yaml:1: flags.f.paths[0]: must start with "/"'
    ]


def test_a_merge_of_something_else_is_an_error(errors):
    assert errors("flags: {a: {<<: 3}}") == [
        "config.yaml:1: flags.a: << must be given a mapping, or a list of them"
    ]


def test_a_billion_laughs_are_stopped(errors):
    laughs = ["x-0: &l0 [lol]"]
    laughs += [f"x-{at}: &l{at} [{', '.join([f'*l{at - 1}'] * 10)}]" for at in range(1, 12)]

    (found,) = errors("\n".join(laughs))

    assert "aliases come to more than 100,000 values" in found


def test_an_alias_of_itself_is_an_error(errors):
    (found,) = errors("x-a: &a {b: [*a]}")

    assert found == "config.yaml:1: x-a.b[0]: is an alias of something that it is part of"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_depth_is_bounded(errors, opening):
    (found,) = errors("x-a:\n  " + opening * 100_000)

    assert found.startswith("config.yaml:2: ")


def test_a_file_of_any_size_is_not_read(read, errors):
    (found,) = errors(b" " * (8 << 20) + b"#", whole=True)

    assert found == "config.yaml: is larger than 8 MiB"


def test_it_reads_the_same_without_libyaml(errors, monkeypatch):
    text = "flags:\n  a: {enabled: ${ON}, paths: [b]}\nttl: ${ON}\n"
    quick = errors(text, {"ON": "off"})
    monkeypatch.setattr(document, "_Loader", document._PlainLoader)

    assert errors(text, {"ON": "off"}) == quick
    assert errors("x-a: " + "[" * 1000, {}) == ["config.yaml:1: is nested too deeply"]

from __future__ import annotations

import pytest

from gateway.core.flags import Page


def test_a_page_is_read_for_the_site_and_for_a_flag(read, tmp_path):
    (tmp_path / "own.html").write_text("<h1>{{ title }}</h1>")
    settings = read(
        "page: {title: Back soon, retry_after: 5m, template: own.html}\n"
        "flags: {f: {page: {message: Moving., retry_after: 90, status: 500}}}"
    )

    assert settings.page == Page(
        "Back soon", None, 300, str(tmp_path / "own.html"), None, "<h1>{{ title }}</h1>"
    )
    (flag,) = settings.flags
    assert flag.page == Page(None, "Moving.", 90, None, 500)
    assert (flag.state.message, flag.state.retry_after) == ("Moving.", 90)


def test_an_absolute_template_is_taken_as_it_is(read, tmp_path):
    path = tmp_path / "own.html"
    path.write_text("x")

    assert read(f"page: {{template: {path}}}").page.template == str(path)


def test_a_template_that_is_not_there_is_an_error(errors):
    (found,) = errors("flags: {f: {page: {template: absent.html}}}")

    assert found.startswith("config.yaml:1: flags.f.page.template: cannot be read: ")


def test_a_broken_template_is_an_error_with_its_line(errors, tmp_path):
    (tmp_path / "own.html").write_text("<h1>\n{% if %}\n</h1>")

    (found,) = errors("page: {template: own.html}")

    assert found.startswith("config.yaml:1: page.template: is not a Jinja2 template: own.html:2: ")


def test_a_template_that_is_not_utf8_is_an_error(errors, tmp_path):
    (tmp_path / "own.html").write_bytes(b"\xff")

    assert errors("page: {template: own.html}") == [
        "config.yaml:1: page.template: is not UTF-8: own.html"
    ]


@pytest.mark.parametrize("status", ["200", "302", "399", "600", "abc", "503.0", "true"])
def test_a_refusal_is_never_a_success(errors, status):
    assert errors(f"page: {{status: {status}}}") == [
        "config.yaml:1: page.status: must be an error status, from 400 to 599"
    ]


@pytest.mark.parametrize("value", ["500ms", "1.5"])
def test_retry_after_is_whole_seconds(errors, value):
    assert errors(f"page: {{retry_after: {value}}}") == [
        "config.yaml:1: page.retry_after: must be whole seconds"
    ]


def test_text_that_yaml_reads_as_something_else_is_told(errors):
    (found,) = errors("page: {title: off}")

    assert found.endswith('write "off"')


@pytest.mark.parametrize(
    "template",
    [
        "".join(f"{{% for a{i} in [1] %}}" for i in range(25)) + "x" + "{% endfor %}" * 25,
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ " + "[" * 400 + "]" * 400 + " }}",
        "{{ 1" + " + 1" * 5000 + " }}",
    ],
    ids=["too-many-nested-loops", "parentheses", "lists", "long-sum"],
)
def test_a_template_that_python_cannot_compile_is_an_error(errors, tmp_path, template):
    (tmp_path / "own.html").write_text(template)

    (found,) = errors("page: {template: own.html}")

    assert found.startswith("config.yaml:1: page.template: cannot be compiled: own.html: ")
    assert len(found) < 300


def test_a_template_that_uses_what_jinja_does_not_know_is_an_error(errors, tmp_path):
    (tmp_path / "own.html").write_text("{{ 1 | no_such_filter }}")

    (found,) = errors("page: {template: own.html}")

    assert "no_such_filter" in found


def test_a_page_from_elsewhere_is_an_address_that_shows_in_no_repr(read):
    settings = read("page: {url: 'https://cdn.example/x?key=secret', progress: true}")
    assert settings.page.url == "https://cdn.example/x?key=secret"
    assert settings.page.progress is True
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    "url",
    ["/page.html", "ftp://a/b", "https://", "https://u:p@a/", "file:///etc/passwd", "https://a:0/"],
)
def test_what_cannot_be_fetched_is_refused(errors, url):
    (found,) = errors(f"page: {{url: '{url}'}}")
    assert "page.url" in found


def test_a_page_is_a_template_or_from_elsewhere(errors, tmp_path):
    (tmp_path / "x.html").write_text("x")
    (found,) = errors("page: {url: https://a/, template: x.html}")
    assert "page.url: is another page than template" in found


def test_paths_that_programs_ask_for_are_the_whole_site_s(read, errors):
    found = read("page: {json: [/api, '~ ^/v[0-9]+/']}").page.json
    assert [str(pattern) for pattern in found] == ["/api", "~ ^/v[0-9]+/"]

    assert errors("page: {json: [api]}\nflags: {f: {page: {json: [/api]}}}") == [
        'config.yaml:1: page.json[0]: must start with "/"',
        "config.yaml:2: flags.f.page.json: belongs into the page of the whole site",
    ]

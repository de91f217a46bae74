from __future__ import annotations

import base64
import hashlib
import json
import logging
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from gateway.pages.content import Content
from gateway.pages.render import Html, Renderer, templates_folder

REFUSAL = Content(
    503, "Closed", "Back soon.", 600, promised=True, flag="site", reason="site", probe="HEAD"
)
REFUSED_POST = replace(REFUSAL, repeatable=False)
ERROR = Content(502, "Bad gateway", "No answer.")
ALL = [REFUSAL, REFUSED_POST, ERROR]

_VOID = {"meta", "link", "br", "img", "input", "hr"}
# The shapes of an SVG drawing close themselves.
_FETCHING = {"src", "srcset", "data", "poster", "action", "formaction", "background", "ping"}


class Document(HTMLParser):
    """What a page holds; fails where an element is left open or closed twice."""

    def __init__(self, html: Html) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html.text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), (tag, names)
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture
def renderer() -> Renderer:
    return Renderer()


@pytest.mark.parametrize("content", ALL)
def test_pages_are_balanced_and_say_language_title_and_viewport(renderer, content) -> None:
    document = Document(renderer.html(content))

    assert document.all("html") == [{"lang": "en", "dir": "ltr"}]
    assert {"charset": "utf-8"} in document.all("meta")
    assert any(meta.get("name") == "viewport" for meta in document.all("meta"))
    assert len(document.all("h1")) == len(document.all("main")) == len(document.all("title")) == 1
    assert content.title in document.words
    assert content.message in document.words


@pytest.mark.parametrize("content", ALL)
def test_pages_ask_for_nothing_from_outside(renderer, content) -> None:
    html = renderer.html(content)

    assert "://" not in html.text
    assert "@import" not in html.text
    assert set(re.findall(r"url\((.*?)\)", html.text)) <= {"#glow"}
    for tag, attrs in Document(html).tags:
        assert not _FETCHING & attrs.keys(), tag
        assert "style" not in attrs, tag
        assert not any(name.startswith("on") for name in attrs), tag
        if tag == "link":
            assert (attrs["href"] or "").startswith("data:")
        elif "href" in attrs:
            assert attrs["href"] == ""


@pytest.mark.parametrize("content", ALL)
def test_the_policy_allows_exactly_the_blocks_the_page_holds(renderer, content) -> None:
    html = renderer.html(content)
    directives = dict(part.split(" ", 1) for part in html.policy.split("; "))

    for tag in ("style", "script"):
        hashes = {
            "'sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() + "'"
            for block in re.findall(rf"<{tag}>(.*?)</{tag}>", html.text, re.DOTALL)
        }
        assert html.text.count(f"<{tag}") == len(hashes)
        assert set(directives[f"{tag}-src"].split()) == (hashes or {"'none'"})
    assert directives["default-src"] == directives["base-uri"] == "'none'"
    assert directives["form-action"] == "'none'"
    assert directives["frame-ancestors"] == "'self'"
    assert "unsafe" not in html.policy


@pytest.mark.parametrize("content", ALL)
def test_words_are_escaped_wherever_they_stand(renderer, content) -> None:
    hostile = "</title></style><script>alert(1)</script>\"'><img src=x>{{ 7 * 7 }}&amp;"
    flag = hostile if content.flag else None
    html = renderer.html(replace(content, title=hostile, message=hostile, flag=flag))

    document = Document(html)
    assert "<script>alert" not in html.text
    assert document.all("img") == []
    assert len(document.all("script")) == (1 if content.flag else 0)
    assert hostile.replace("&amp;", "&amp;amp;").split("{{")[0] not in html.text
    assert "{{ 7 * 7 }}" in document.words
    assert html.policy.count("sha256") == (2 if content.flag else 1)


def test_the_page_says_when_to_expect_it_back(renderer) -> None:
    expected = Document(renderer.html(REFUSAL)).words
    assert "Expected back in about 10 minutes" in " ".join(expected.split())

    default = Document(renderer.html(replace(REFUSAL, promised=False))).words
    assert "Expected" not in default
    assert "in about 10 minutes" in default


def test_the_page_tells_its_script_how_to_look_again(renderer) -> None:
    [main] = Document(renderer.html(REFUSAL)).all("main")
    told = main.pop("data-words")
    assert json.loads(told)["checking"] == "Checking…"
    assert main == {"data-probe": "HEAD", "data-retry": "600", "data-repeatable": None}

    [main] = Document(renderer.html(replace(REFUSED_POST, probe=None))).all("main")
    assert main == {"data-retry": "600", "data-words": told}


@pytest.mark.parametrize(("retry_after", "refresh"), [(0, "30"), (90, "90"), (9_000, "300")])
def test_without_javascript_the_page_comes_again_calmly(renderer, retry_after, refresh) -> None:
    text = renderer.html(replace(REFUSAL, retry_after=retry_after)).text
    assert f'<noscript><meta http-equiv="refresh" content="{refresh}"></noscript>' in text


@pytest.mark.parametrize("content", [REFUSED_POST, replace(REFUSAL, probe=None), ERROR])
def test_a_page_that_should_stay_has_no_refresh(renderer, content) -> None:
    assert "http-equiv" not in renderer.html(content).text


def test_who_sent_something_reads_that_it_did_not_arrive(renderer) -> None:
    assert "not passed on" in renderer.html(REFUSED_POST).text
    assert "not passed on" not in renderer.html(REFUSAL).text


@pytest.mark.parametrize(("status", "offered"), [(400, False), (431, False), (502, True)])
def test_only_what_may_pass_is_worth_another_try(renderer, status, offered) -> None:
    links = Document(renderer.html(replace(ERROR, status=status))).all("a")
    assert bool(links) is offered


def test_a_template_of_ones_own_gets_the_documented_values_escaped(renderer, tmp_path) -> None:
    file = tmp_path / "closed.html"
    file.write_text(
        "{{ flag }}|{{ title }}|{{ message }}|{{ retry_after }}|{{ when }}|{{ status }}|"
        "{{ until }}|{{ reason }}|{{ repeatable }}"
    )
    html = renderer.html(replace(REFUSAL, title="<i>", template=str(file)))

    assert html.text == ("site|&lt;i&gt;|Back soon.|600|in about 10 minutes|503|None|site|True")
    # What the page may load is its author's business; who may frame it is not.
    assert "default-src" not in html.policy
    assert "frame-ancestors 'self'" in html.policy


def test_a_template_of_ones_own_may_extend_ours_and_include_its_neighbours(
    renderer, tmp_path
) -> None:
    (tmp_path / "logo.html").write_text("<b>ACME</b>")
    file = tmp_path / "closed.html"
    file.write_text(
        '{% extends "pages/maintenance.html" %}{% block scene %}{% endblock %}'
        '{% block head %}{% include "logo.html" %}{% endblock %}'
    )
    text = renderer.html(replace(REFUSAL, template=str(file))).text
    assert "<b>ACME</b>" in text
    assert 'class="cat"' not in text


@pytest.mark.parametrize(
    "source",
    ["{{ 1 / 0 }}", "{{ unheard_of }}", "{% if %}", '{% include "gone.html" %}', None, b"\xff\xfe"],
    ids=["raises", "unknown name", "syntax", "missing include", "missing", "not UTF-8"],
)
def test_a_template_that_fails_gives_the_built_in_page_and_one_line_in_the_log(
    renderer, tmp_path, caplog, source
) -> None:
    file = tmp_path / "closed.html"
    if source is not None:
        file.write_bytes(source if isinstance(source, bytes) else source.encode())

    first = renderer.html(replace(REFUSAL, template=str(file)))
    renderer.html(replace(REFUSAL, template=str(file), title="Other"))

    assert first == renderer.html(REFUSAL)
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert str(file) in record.getMessage()


def test_a_template_mended_and_broken_again_is_told_again(renderer, tmp_path, caplog) -> None:
    file = tmp_path / "closed.html"
    content = replace(REFUSAL, template=str(file))

    renderer.html(content)
    file.write_text("fine")
    assert renderer.html(content).text == "fine"
    file.unlink()
    renderer.html(content)

    assert len(caplog.records) == 2


def test_without_any_templates_there_is_still_a_page(tmp_path, caplog) -> None:
    renderer = Renderer(tmp_path / "gone")

    html = renderer.html(REFUSAL)
    renderer.html(replace(REFUSAL, title="Other"))

    Document(html)
    assert ">Closed</h1>" in html.text
    assert "style-src 'none'; script-src 'none'" in html.policy
    assert len(caplog.records) == 1


def test_a_broken_built_in_template_gives_the_plainest_page(tmp_path, caplog) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "maintenance.html").write_text("{% block %}")
    assert ">Closed</h1>" in Renderer(tmp_path).html(REFUSAL).text


def test_the_templates_are_found_beside_the_code() -> None:
    assert (templates_folder() / "pages" / "maintenance.html").is_file()


def test_the_templates_are_found_in_an_installed_package(tmp_path, monkeypatch) -> None:
    module = tmp_path / "gateway" / "pages" / "render.py"
    (tmp_path / "gateway" / "templates").mkdir(parents=True)
    monkeypatch.setattr("gateway.pages.render.__file__", str(module))
    assert templates_folder() == Path(tmp_path / "gateway" / "templates")


def test_the_text_that_was_validated_is_rendered_whatever_the_file_says(renderer, tmp_path) -> None:
    (tmp_path / "part.html").write_text("!")
    file = tmp_path / "own.html"
    file.write_text("{% if %}")
    source = '{{ title }}{% include "part.html" %}'
    content = replace(REFUSAL, title="<i>", template=str(file), source=source)
    assert renderer.html(content).text == "&lt;i&gt;!"
    file.unlink()
    assert renderer.html(content).text == "&lt;i&gt;!"

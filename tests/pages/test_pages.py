from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from gateway.core.decision import Reason
from gateway.core.flags import Mode, Page
from gateway.pages.answers import Answer
from gateway.pages.content import Content
from gateway.pages.pages import Pages
from gateway.pages.render import Html, Renderer

BROWSER = b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
JSON = b"application/json"


class CountingRenderer(Renderer):
    """Notes what it renders."""

    def __init__(self) -> None:
        super().__init__()
        self.rendered: list[Content] = []

    def html(self, content: Content) -> Html:
        self.rendered.append(content)
        return super().html(content)


@pytest.fixture
def renderer() -> CountingRenderer:
    return CountingRenderer()


@pytest.fixture
def pages(renderer: CountingRenderer) -> Pages:
    return Pages(Page(), renderer)


def fields(answer: Answer) -> dict[str, str]:
    assert answer.head.endswith(b"\r\n")
    assert b"\r\n\r\n" not in answer.head
    _, *lines = answer.head.decode("ascii").removesuffix("\r\n").split("\r\n")
    pairs = [(name, value) for name, value in (line.split(": ", 1) for line in lines)]
    assert len(pairs) == len({name for name, _ in pairs})
    return dict(pairs)


def test_a_refusal_in_plain_text_byte_for_byte(pages, view) -> None:
    answer = pages.refusal(view(message="Moving."), None, Reason.SITE)

    assert answer.status == 503
    assert answer.head == (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Retry-After: 300\r\n"
        b"X-Maintenance: site\r\n"
        b"Content-Length: 82\r\n"
        b"Cache-Control: no-store\r\n"
        b"Vary: Accept\r\n"
        b"X-Content-Type-Options: nosniff\r\n"
    )
    assert answer.body == (
        b"Down for maintenance\n\nMoving.\n\nTry again in about 5 minutes (Retry-After: 300 s).\n"
    )


def test_a_refusal_as_json(pages, view) -> None:
    answer = pages.refusal(view("search", retry_after=60), JSON, Reason.FEATURE)

    assert fields(answer)["Content-Type"] == "application/problem+json"
    assert fields(answer)["Retry-After"] == "60"
    assert "Content-Security-Policy" not in fields(answer)
    document = json.loads(answer.body)
    assert (document["flag"], document["reason"]) == ("search", "feature")
    assert (document["status"], document["retry_after"], document["until"]) == (503, 60, None)


def test_a_refusal_as_html(pages, view) -> None:
    answer = pages.refusal(view(), BROWSER, Reason.SITE)

    head = fields(answer)
    assert head["Content-Type"] == "text/html; charset=utf-8"
    assert head["Content-Length"] == str(len(answer.body))
    assert head["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert answer.body.startswith(b"<!doctype html>")
    assert answer.body.endswith(b"</html>\n") or answer.body.endswith(b"</html>")


def test_the_status_is_the_pages(pages, view) -> None:
    answer = pages.refusal(view(page=Page(status=599)), None, Reason.SITE)
    assert answer.status == 599
    assert answer.head.startswith(b"HTTP/1.1 599 ")


@pytest.mark.parametrize("accept", [None, BROWSER, JSON])
def test_no_word_of_a_person_reaches_a_header_raw(pages, view, accept) -> None:
    hostile = "x\r\nSet-Cookie: a=1\r\n\r\n<h1>für \U0001f431 \ud800"
    page = Page(title=hostile, message=hostile)

    answer = pages.refusal(view(hostile, page=page), accept, Reason.SITE)

    assert "Set-Cookie" not in fields(answer)
    assert fields(answer)["X-Maintenance"].startswith("x%0D%0ASet-Cookie%3A%20a%3D1%0D%0A")
    answer.body.decode("utf-8")


@pytest.mark.parametrize("accept", [None, BROWSER, JSON])
def test_an_error_is_not_maintenance(pages, accept) -> None:
    answer = pages.error(502, "Bad gateway", "The app could not be reached.", accept)

    head = fields(answer)
    assert answer.head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert "X-Maintenance" not in head
    assert head["Retry-After"] == "10"
    assert head["Cache-Control"] == "no-store"
    assert b"The app could not be reached." in answer.body


def test_a_full_gateway_is_worth_another_try_soon(pages) -> None:
    assert fields(pages.error(503, "Full", "", None))["Retry-After"] == "10"


def test_what_a_client_sent_comes_back_escaped(pages) -> None:
    answer = pages.error(400, "Bad request", "No such method: <script>\r\nX: y", BROWSER)
    assert b"&lt;script&gt;" in answer.body
    assert b"<script" not in answer.body
    assert "X" not in fields(answer)


def test_errors_of_many_words_push_no_page_out(pages, view, renderer) -> None:
    pages.refusal(view(), BROWSER, Reason.SITE)
    for number in range(300):
        pages.error(400, "Bad request", f"{number}", BROWSER)
    rendered = len(renderer.rendered)

    pages.refusal(view(), BROWSER, Reason.SITE)

    assert len(renderer.rendered) == rendered


def test_nothing_is_rendered_before_somebody_asks(pages, view, renderer) -> None:
    views = [view(f"flag{number}") for number in range(1_000)]
    assert renderer.rendered == []

    pages.refusal(views[7], BROWSER, Reason.SITE)
    assert [content.flag for content in renderer.rendered] == ["flag7"]


def test_the_same_question_gets_the_very_same_answer(pages, view, renderer) -> None:
    held = view()
    first = pages.refusal(held, BROWSER, Reason.SITE)
    assert pages.refusal(held, bytes(bytearray(BROWSER)), Reason.SITE) is first
    assert len(renderer.rendered) == 1


def test_a_new_snapshot_never_serves_an_old_page(pages, view) -> None:
    old = view(message="Old.")
    assert b"Old." in pages.refusal(old, None, Reason.SITE).body

    new = view(message="New.")
    assert b"New." in pages.refusal(new, None, Reason.SITE).body
    # A request decided on the old snapshot, in flight still, reads the old one.
    assert b"Old." in pages.refusal(old, None, Reason.SITE).body


def test_a_swap_that_changed_nothing_here_renders_nothing(pages, view, renderer) -> None:
    first = pages.refusal(view(), BROWSER, Reason.SITE)
    second = pages.refusal(view(), BROWSER, Reason.SITE)
    assert second is first
    assert len(renderer.rendered) == 1


def test_reason_and_kind_of_request_are_told_apart(pages, view) -> None:
    held = view()
    listed = pages.refusal(held, JSON, Reason.USER_LISTED)
    assert json.loads(listed.body)["reason"] == "user_listed"
    assert json.loads(pages.refusal(held, JSON, Reason.SITE).body)["reason"] == "site"

    assert b"not passed on" in pages.refusal(held, None, Reason.SITE, safe=False).body
    assert b"not passed on" not in pages.refusal(held, None, Reason.SITE).body


def test_a_read_only_flag_says_that_nothing_was_saved(pages, view) -> None:
    answer = pages.refusal(view(mode=Mode.READ_ONLY), None, Reason.SITE)
    assert b"nothing was saved" in answer.body


def test_what_clients_choose_is_kept_in_bounds(pages, view) -> None:
    held = view()
    for number in range(10_000):
        pages.refusal(held, b"text/plain;n=%d" % number, Reason.SITE)
    assert len(pages._hits) <= 4_096
    assert len(pages._media) <= 512
    assert len(pages._answers) == 1


def test_a_very_long_accept_is_answered_and_not_kept(pages, view) -> None:
    answer = pages.refusal(view(), b"text/html," + b"x/y," * 10_000, Reason.SITE)
    assert fields(answer)["Content-Type"].startswith("text/html")
    assert len(pages._hits) == len(pages._media) == 0


def test_an_edited_template_shows_with_the_next_snapshot(pages, view, tmp_path) -> None:
    file = tmp_path / "closed.html"
    file.write_text("one")
    page = Page(template=str(file))
    assert pages.refusal(view(page=page), BROWSER, Reason.SITE).body == b"one"

    file.write_text("two")
    os.utime(file, ns=(1, 1))
    assert pages.refusal(view(page=page), BROWSER, Reason.SITE).body == b"two"


def test_a_template_that_fails_is_still_a_refusal(pages, view, tmp_path, caplog) -> None:
    broken = view(page=Page(template=str(tmp_path / "gone.html")))

    answer = pages.refusal(broken, BROWSER, Reason.SITE)

    assert answer.status == 503
    assert fields(answer)["X-Maintenance"] == "site"
    assert b"Down for maintenance" in answer.body
    assert len(caplog.records) == 1


def test_a_page_too_big_to_keep_is_still_sent(view) -> None:
    pages = Pages(Page())
    big = view("x" * 17_000_000)
    assert len(pages.refusal(big, None, Reason.SITE).head) > 17_000_000
    assert len(pages._answers) == 0


def test_the_sites_page_holds_for_flags_without_one(view) -> None:
    pages = Pages(replace(Page(), title="ACME is closed"))
    assert pages.refusal(view(), None, Reason.SITE).body.startswith(b"ACME is closed\n")

from __future__ import annotations

import json
import math
import os
from dataclasses import replace

import pytest

from gateway.core.decision import Reason
from gateway.core.flags import Mode, Page
from gateway.core.paths import compile_path
from gateway.core.request import Facts
from gateway.core.windows import Occurrence, Window, phase
from gateway.pages.answers import Answer
from gateway.pages.content import Content
from gateway.pages.negotiate import Media
from gateway.pages.news import News, Progress
from gateway.pages.pages import Pages
from gateway.pages.render import Html, Renderer
from gateway.pages.wishes import read_wish

BROWSER = read_wish(b"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8")
JSON = read_wish(b"application/json")
PLAIN = read_wish()


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
    answer = pages.refusal(view(message="Moving."), PLAIN, Reason.SITE)

    assert answer.status == 503
    assert answer.head == (
        b"HTTP/1.1 503 Service Unavailable\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n"
        b"Retry-After: 300\r\n"
        b"X-Maintenance: site\r\n"
        b"Content-Language: en\r\n"
        b"Content-Length: 82\r\n"
        b"Cache-Control: no-store\r\n"
        b"Vary: Accept, Accept-Language, Sec-Fetch-Dest\r\n"
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
    answer = pages.refusal(view(page=Page(status=599)), PLAIN, Reason.SITE)
    assert answer.status == 599
    assert answer.head.startswith(b"HTTP/1.1 599 ")


@pytest.mark.parametrize("wish", [PLAIN, BROWSER, JSON])
def test_no_word_of_a_person_reaches_a_header_raw(pages, view, wish) -> None:
    hostile = "x\r\nSet-Cookie: a=1\r\n\r\n<h1>für \U0001f431 \ud800"
    page = Page(title=hostile, message=hostile)

    answer = pages.refusal(view(hostile, page=page), wish, Reason.SITE)

    assert "Set-Cookie" not in fields(answer)
    assert fields(answer)["X-Maintenance"].startswith("x%0D%0ASet-Cookie%3A%20a%3D1%0D%0A")
    answer.body.decode("utf-8")


@pytest.mark.parametrize("wish", [PLAIN, BROWSER, JSON])
def test_an_error_is_not_maintenance(pages, wish) -> None:
    answer = pages.error(502, "Bad gateway", "The app could not be reached.", wish)

    head = fields(answer)
    assert answer.head.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert "X-Maintenance" not in head
    assert head["Retry-After"] == "10"
    assert head["Cache-Control"] == "no-store"
    assert b"The app could not be reached." in answer.body


def test_a_full_gateway_is_worth_another_try_soon(pages) -> None:
    assert fields(pages.error(503, "Full", "", PLAIN))["Retry-After"] == "10"


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
    assert pages.refusal(held, read_wish(b"text/html"), Reason.SITE) is first
    assert len(renderer.rendered) == 1


def test_a_new_snapshot_never_serves_an_old_page(pages, view) -> None:
    old = view(message="Old.")
    assert b"Old." in pages.refusal(old, PLAIN, Reason.SITE).body

    new = view(message="New.")
    assert b"New." in pages.refusal(new, PLAIN, Reason.SITE).body
    # A request decided on the old snapshot, in flight still, reads the old one.
    assert b"Old." in pages.refusal(old, PLAIN, Reason.SITE).body


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

    assert b"not passed on" in pages.refusal(held, PLAIN, Reason.SITE, safe=False).body
    assert b"not passed on" not in pages.refusal(held, PLAIN, Reason.SITE).body


def test_a_read_only_flag_says_that_nothing_was_saved(pages, view) -> None:
    answer = pages.refusal(view(mode=Mode.READ_ONLY), PLAIN, Reason.SITE)
    assert b"nothing was saved" in answer.body


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
    assert len(pages.refusal(big, PLAIN, Reason.SITE).head) > 17_000_000
    assert len(pages._answers) == 0


def test_the_sites_page_holds_for_flags_without_one(view) -> None:
    pages = Pages(replace(Page(), title="ACME is closed"))
    assert pages.refusal(view(), PLAIN, Reason.SITE).body.startswith(b"ACME is closed\n")


def test_the_chrome_is_the_visitors_and_a_persons_words_stay(view) -> None:
    pages = Pages(Page(message="Bald zurück."))
    answer = pages.refusal(view(), read_wish(b"text/html", b"ar"), Reason.SITE)

    assert answer.fields["Content-Language"] == "ar"
    text = answer.body.decode()
    assert '<html lang="ar" dir="rtl">' in text
    assert '<p class="message" dir="auto" lang="">Bald zurück.</p>' in text
    assert '<h1 dir="auto" lang="ar">' in text


def test_a_template_of_ones_own_knows_the_language_and_claims_none(view, tmp_path) -> None:
    file = tmp_path / "closed.html"
    file.write_text("{{ language }} {{ direction }} {{ title }}")
    page = Page(template=str(file))
    answer = Pages(page).refusal(view(), read_wish(b"text/html", b"de"), Reason.SITE)

    assert answer.body == b"de ltr Wartungsarbeiten"
    assert "Content-Language" not in answer.fields


def test_programs_and_terminals_are_told_in_their_language_too(view) -> None:
    pages = Pages(Page())
    for accept in (b"application/json", b"text/plain"):
        answer = pages.refusal(view(), read_wish(accept, b"fr"), Reason.SITE)
        assert "Site en maintenance" in answer.body.decode()
        assert answer.fields["Content-Language"] == "fr"


def test_errors_that_visitors_meet_are_translated_and_what_programs_do_wrong_is_not() -> None:
    pages, german = Pages(Page()), read_wish(b"text/html", b"de")
    body = pages.error(504, "Gateway timeout", "The site took too long to answer.", german).body
    assert '<h1 dir="auto" lang="de">Zeitüberschreitung</h1>' in body.decode()
    body = pages.error(400, "Bad request", "the head is malformed", german).body
    assert '<h1 dir="auto" lang="en">Bad request</h1>' in body.decode()


def test_a_window_s_end_is_told_in_every_form_and_counts_down(renderer, view) -> None:
    now = [1_900_000_000.25]  # 2030-03-17T17:46:40Z
    pages = Pages(Page(retry_after=60), renderer, clock=lambda: now[0])
    window = Window(Occurrence(now[0] - 60, 1_900_004_400.0), timezone="Europe/Berlin")
    plain = view(retry_after=30)
    held = replace(
        plain,
        state=replace(plain.state, window=window),
        phase=phase(window, None, now[0], ended=-math.inf, ttl=0.0),
        by_window=True,
    )

    problem = json.loads(pages.refusal(held, JSON, Reason.SITE).body)
    assert (problem["retry_after"], problem["until"]) == (4400, "2030-03-17T19:00:00+00:00")
    text = pages.refusal(held, PLAIN, Reason.SITE)
    assert fields(text)["Retry-After"] == "4400"
    assert b"in about 74 minutes (2030-03-17 20:00 CET) (Retry-After: 4400 s)" in text.body
    html = pages.refusal(held, BROWSER, Reason.SITE)
    assert b'<time datetime="2030-03-17T19:00:00+00:00">2030-03-17 20:00 CET</time>' in html.body
    assert pages.refusal(held, BROWSER, Reason.SITE) is html
    assert len(renderer.rendered) == 1
    now[0] += 1.0
    assert fields(pages.refusal(held, BROWSER, Reason.SITE))["Retry-After"] == "4399"
    now[0] += 10_000.0  # the end is late
    assert fields(pages.refusal(held, BROWSER, Reason.SITE))["Retry-After"] == "1"


def test_below_the_paths_of_programs_everybody_gets_the_document() -> None:
    pages = Pages(Page(json=(compile_path("/api"),)))
    german = read_wish(b"text/html", b"de")

    for target in ("/api", "/api/x?y", "/%61pi/x", "//api", "/API/x"):
        wish = pages.wish(german, Facts(target=target.encode()))
        assert (wish.media, wish.words) == (Media.PROBLEM, german.words), target
    for target in ("/", "/apis", "/x/api"):
        assert pages.wish(german, Facts(target=target.encode())) is german, target
    assert Pages(Page()).wish(german, Facts(target=b"/api")) is german


def test_a_flip_that_lifts_itself_says_when_whatever_retry_after_says(view) -> None:
    pages = Pages(Page(retry_after=60), clock=lambda: 1_900_000_000.25)
    held = replace(view(retry_after=30), ends=1_900_001_800.0)

    problem = json.loads(pages.refusal(held, JSON, Reason.SITE).body)
    assert (problem["retry_after"], problem["until"]) == (1800, "2030-03-17T18:16:40+00:00")
    text = pages.refusal(held, PLAIN, Reason.SITE)
    assert b"in about 30 minutes (2030-03-17 18:16 UTC) (Retry-After: 1800 s)" in text.body


def test_a_fetched_page_is_what_browsers_get_and_nobody_else(view) -> None:
    pages = Pages(Page(url="https://cdn.test/x"))
    held = view()
    before = pages.refusal(held, BROWSER, Reason.SITE)
    assert b"Down for maintenance" in before.body

    pages.tell(News(copies={"https://cdn.test/x": "<h1>Ours</h1>"}))
    answer = pages.refusal(held, BROWSER, Reason.SITE)
    assert (answer.status, answer.body) == (503, b"<h1>Ours</h1>")
    assert fields(answer)["X-Maintenance"] == "site"
    assert b"Ours" not in pages.refusal(held, JSON, Reason.SITE).body
    own = view("own", page=Page(url="https://cdn.test/other"))
    assert b"Down for maintenance" in pages.refusal(own, BROWSER, Reason.SITE).body


def test_progress_is_told_in_every_form_and_says_when(view) -> None:
    pages = Pages(Page())
    held = view()
    assert b"<progress" not in pages.refusal(held, BROWSER, Reason.SITE).body
    pages.tell(News(progress={"site": Progress(42, 120)}))

    html = pages.refusal(held, read_wish(b"text/html", b"de"), Reason.SITE)
    assert b'value="42"' in html.body
    assert "42 % fertig" in html.body.decode()
    assert "in etwa 2 Minuten" in html.body.decode()
    assert fields(html)["X-Maintenance-Progress"] == "42"
    assert fields(html)["Retry-After"] == "120"
    assert json.loads(pages.refusal(held, JSON, Reason.SITE).body)["progress"] == 42
    assert b"42 % done." in pages.refusal(held, PLAIN, Reason.SITE).body


def test_what_somebody_promised_stands_before_what_is_reckoned(view) -> None:
    pages = Pages(Page())
    pages.tell(News(progress={"site": Progress(42, 120)}))
    promised = pages.refusal(view(retry_after=600), JSON, Reason.SITE)
    assert fields(promised)["Retry-After"] == "600"

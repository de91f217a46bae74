from __future__ import annotations

from dataclasses import replace

import pytest

from gateway.core.decision import Reason
from gateway.core.flags import Mode, Page, Trigger
from gateway.core.snapshot import FlagView
from gateway.pages.content import Content
from gateway.pages.wording import refusal_content

SITE = Page(title="Site title", message="Site message", retry_after=60, status=500)


def said(view: FlagView, site: Page = Page(), reason: Reason = Reason.SITE) -> Content:  # noqa: B008 frozen
    return refusal_content(view, site, reason, repeatable=True, now=0.0)


def test_the_flip_speaks_before_the_flag_and_the_flag_before_the_site(view) -> None:
    own = Page(title="Flag title", message="Flag message", retry_after=120, status=507)

    content = said(view(page=own, message="Flipped", retry_after=30), SITE)
    assert (content.title, content.message) == ("Flag title", "Flipped")
    assert (content.retry_after, content.status) == (30, 507)

    content = said(view(page=own), SITE)
    assert (content.message, content.retry_after) == ("Flag message", 120)

    content = said(view(), SITE)
    assert (content.title, content.message) == ("Site title", "Site message")
    assert (content.retry_after, content.status) == (60, 500)


def test_the_status_in_a_trigger_file_comes_first(view) -> None:
    held = view(page=Page(status=507))
    flag = replace(held.flag, trigger=Trigger("/down", on=True, status=418))
    assert said(replace(held, flag=flag), SITE).status == 418
    flag = replace(flag, trigger=Trigger("/down", on=True))
    assert said(replace(held, flag=flag), SITE).status == 507


def test_where_nobody_said_anything_there_are_defaults(view) -> None:
    content = said(view())

    assert (content.status, content.retry_after, content.promised) == (503, 300, False)
    assert content.title
    assert content.message


def test_an_expectation_is_only_what_somebody_set(view) -> None:
    assert said(view(retry_after=300)).promised
    assert said(view(), Page(retry_after=300)).promised


def test_the_default_words_fit_the_kind_of_flag(view) -> None:
    titles = {
        said(view()).title,
        said(view(paths=("/search",)), reason=Reason.FEATURE).title,
        said(view(user="uid"), reason=Reason.USER_LISTED).title,
        said(view(mode=Mode.READ_ONLY)).title,
    }
    assert len(titles) == 4


def test_nobody_unknown_is_told_about_an_account(view) -> None:
    content = said(view(user="uid"), reason=Reason.IDENTITY_MISSING)
    assert "account" not in content.title + content.message


def test_a_message_of_blanks_is_none(view) -> None:
    assert said(view(message=" \n\x00")).message == said(view()).message


@pytest.mark.parametrize(
    ("mode", "methods", "probe"),
    [
        (Mode.UNAVAILABLE, (), "HEAD"),
        (Mode.UNAVAILABLE, ("GET", "HEAD"), "HEAD"),
        (Mode.UNAVAILABLE, ("GET",), "GET"),
        (Mode.UNAVAILABLE, ("POST",), None),
        (Mode.READ_ONLY, (), None),
    ],
)
def test_the_page_looks_again_only_with_a_method_that_is_held_too(
    view, mode: Mode, methods: tuple[str, ...], probe: str | None
) -> None:
    assert said(view(mode=mode, methods=methods)).probe == probe


def test_what_a_read_only_flag_refuses_is_never_sent_again(view) -> None:
    assert not said(view(mode=Mode.READ_ONLY)).repeatable

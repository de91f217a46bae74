"""The words of a refusal: the flag's own, else the site's, else good defaults."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from gateway.core.decision import Reason
from gateway.core.flags import Kind, Mode, Page
from gateway.core.snapshot import FlagView
from gateway.core.windows import Window
from gateway.pages.content import Content, clean, one_line
from gateway.pages.languages import ENGLISH
from gateway.pages.news import NO_NEWS, News
from gateway.pages.words import Words

STATUS = 503
RETRY_AFTER = 300  # seconds

# An app that restarts, or a gateway that is overloaded or leaves, is worth another try in seconds.
_ERROR_RETRY = {502: 10, 503: 10, 504: 10}

# The tag of what a person wrote: they did not say.
_UNSAID = ""

# To whoever followed a bypass link, who would wonder why it does not work any more.
_VOID = "Your bypass link has expired or was revoked."


def refusal_content(
    view: FlagView,
    site: Page,
    reason: Reason,
    *,
    repeatable: bool,
    now: float,
    words: Words = ENGLISH,
    news: News = NO_NEWS,
) -> Content:
    """What the page of a flag says at ``now``. ``repeatable``: the request was a GET or a HEAD.

    What a person wrote is in no other language than theirs; ``words`` are for the rest.
    """
    state, own = view.state, view.flag.page
    until, clock = view.until, (state.window or Window()).clock
    page = own if own.template or own.url else site
    title = one_line(own.title or site.title or "")
    message = clean(state.message or own.message or site.message or "")
    progress = news.progress.get(view.flag.name)
    expected = until is not None or _promised(view, site) is not None
    left = None if progress is None or expected else progress.left
    usual_title, usual_message = _default_words(view, reason, words)
    return Content(
        status=_first(_of_file(view), own.status, site.status) or STATUS,
        title=title or usual_title,
        message=_with_void(message or usual_message, reason, words),
        retry_after=retry_after(view, site, now) if left is None else left,
        promised=expected or left is not None,
        flag=view.flag.name,
        reason=reason.value,
        until=None if until is None else datetime.fromtimestamp(until, UTC).isoformat(),
        until_words=None if until is None else clock(until),
        repeatable=repeatable and state.mode is not Mode.READ_ONLY,
        probe=_probe(view),
        template=page.template,
        source=page.source,
        page=news.copies.get(page.url or ""),
        percent=None if progress is None else progress.percent,
        words=words,
        title_language=_UNSAID if title else words.tag,
        message_language=_UNSAID if message else words.tag,
    )


def retry_after(view: FlagView, site: Page, now: float) -> int:
    """Seconds, as a refusal of the flag says them at ``now``: to its end, where that is known."""
    if view.until is not None:
        return max(1, math.ceil(view.until - now))
    promised = _promised(view, site)
    return RETRY_AFTER if promised is None else max(0, promised)


def _promised(view: FlagView, site: Page) -> int | None:
    return _first(view.state.retry_after, view.flag.page.retry_after, site.retry_after)


def _of_file(view: FlagView) -> int | None:
    return None if view.flag.trigger is None else view.flag.trigger.status


def error_content(status: int, title: str, detail: str, words: Words = ENGLISH) -> Content:
    """What went wrong. Errors that visitors meet are translated, what programs do wrong is not."""
    said = {text: words.errors.get(text) for text in (title, detail)}
    return Content(
        status=status,
        title=one_line(said[title] or title),
        message=clean(said[detail] or detail),
        retry_after=_ERROR_RETRY.get(status),
        words=words,
        title_language=words.tag if said[title] else ENGLISH.tag,
        message_language=words.tag if said[detail] else ENGLISH.tag,
    )


def _with_void(message: str, reason: Reason, words: Words) -> str:
    if reason is not Reason.BYPASS_VOID:
        return message
    return f"{message}\n\n{words.errors.get(_VOID, _VOID)}"


def _default_words(view: FlagView, reason: Reason, words: Words) -> tuple[str, str]:
    if view.state.mode is Mode.READ_ONLY:
        return words.read_only
    kind = view.flag.kind
    if kind is Kind.USER and reason is Reason.IDENTITY_MISSING:
        kind = Kind.FEATURE  # nobody is known, so there is no account to speak of
    match kind:
        case Kind.SITE:
            return words.site
        case Kind.FEATURE:
            return words.feature
        case Kind.USER:
            return words.user


def _probe(view: FlagView) -> str | None:
    """The safe method that this flag holds back too: the page looks again with it.

    None where safe methods pass anyway: an answer to one would say nothing.
    """
    if view.state.mode is Mode.READ_ONLY:
        return None
    methods = view.flag.scope.methods
    return next((method for method in ("HEAD", "GET") if not methods or method in methods), None)


def _first(*values: int | None) -> int | None:
    return next((value for value in values if value is not None), None)

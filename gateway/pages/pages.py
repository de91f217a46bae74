"""The gateway's own answers, whole, by flag and by what the client accepts.

Theory of operation: a flag's page is rendered when first asked for, not when a snapshot is
swapped in, so a thousand flags cost nothing until somebody meets them. Two memos, each
bounded: ``_hits`` answers the hot path in one look-up, keyed by a wish (of which there are few,
whatever clients send), and is believed only for the very ``FlagView`` it was made for; a new
snapshot has new views, so it never serves an old page. Behind it ``_answers`` is keyed by what the
page says, so that a swap that changed another flag renders nothing anew. A page that tells when it
is over says something else each second: it has a third, ``_timed``, and costs a rendering a
second.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from cachetools import LRUCache

from gateway.core.decision import Reason
from gateway.core.evidence import Evidence
from gateway.core.flags import Page
from gateway.core.passes import COOKIE
from gateway.core.request import RequestFacts
from gateway.core.snapshot import FlagView
from gateway.pages.answers import Answer, answer, field_value
from gateway.pages.content import Content
from gateway.pages.negotiate import Media
from gateway.pages.news import NO_NEWS, News
from gateway.pages.plain import plain
from gateway.pages.problem import problem
from gateway.pages.render import Renderer
from gateway.pages.wishes import WISHES, Wish
from gateway.pages.wording import error_content, refusal_content

# The first memo keeps no order, which is what makes a hit cheap: it is emptied when full, and
# each entry lost costs one miss of 6 µs.
_MOST_HITS = 4_096
# Bytes of rendered answers (140 µs each for HTML): 16 MiB are the pages of 1,000 flags.
_MOST_BYTES = 16 * 1_048_576
# Errors have a room of their own: their words may be a client's, and push no page out.
_MOST_ERROR_BYTES = 1_048_576

_HitKey = tuple[str, Wish, Reason, bool]
_Answers = LRUCache[tuple[Content, Media, int], Answer]


class Pages:
    """Refusals and errors as prebuilt answers. One for each ``Page`` of a configuration.

    ``clock`` is seconds since the epoch.
    """

    def __init__(
        self,
        page: Page,
        renderer: Renderer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._page = page
        self._news = NO_NEWS
        self._renderer = renderer or Renderer()
        self._clock = clock
        self._hits: dict[_HitKey, tuple[FlagView, Answer]] = {}
        self._timed: dict[_HitKey, tuple[FlagView, int, Answer]] = {}
        self._answers: _Answers = LRUCache(_MOST_BYTES, _size)
        self._errors: _Answers = LRUCache(_MOST_ERROR_BYTES, _size)

    def refusal(self, view: FlagView, wish: Wish, reason: Reason, *, safe: bool = True) -> Answer:
        """The answer in the app's place while ``view`` holds the request.

        ``safe`` is false for a request that may have carried something to save: its page says
        so, and never sends it a second time.
        """
        # cachetools keeps order, which is 0.5 µs for each hit; a plain look-up is 0.1.
        hit = self._hits.get((view.flag.name, wish, reason, safe))
        if hit is not None and hit[0] is view:
            return hit[1]
        return self._miss(view, wish, reason, safe)

    def wish(self, wish: Wish, request: RequestFacts) -> Wish:
        """What ``request`` is answered by: the document below ``page.json``, else its ``wish``."""
        if not Evidence(request).may_ask_for(self._page.json):
            return wish
        return WISHES[Media.PROBLEM, wish.words]

    @property
    def news(self) -> News:
        return self._news

    def tell(self, news: News) -> None:
        """From now on pages say this. What it does not change is not made anew."""
        self._news = news
        self._hits.clear()
        self._timed.clear()

    def error(self, status: int, title: str, detail: str, wish: Wish) -> Answer:
        """The answer for what went wrong: the client's fault, the app's or ours.

        Not maintenance, so there is no ``X-Maintenance``. ``title`` and ``detail`` may hold
        what a client sent: they reach a body escaped, and no header at all.
        """
        content = error_content(status, title, detail, wish.words)
        return self._answer(content, wish.media, self._errors)

    def _miss(self, view: FlagView, wish: Wish, reason: Reason, safe: bool) -> Answer:  # noqa: FBT001 the hit's key
        now, key = self._clock(), (view.flag.name, wish, reason, safe)
        if view.until is not None:
            return self._timely(view, key, now)
        content = self._content(view, key, now)
        made = self._answer(content, wish.media, self._answers)
        if len(self._hits) >= _MOST_HITS:
            self._hits.clear()
        self._hits[key] = (view, made)
        return made

    def _timely(self, view: FlagView, key: _HitKey, now: float) -> Answer:
        known = self._timed.get(key)
        if known is not None and known[0] is view and known[1] == int(now):
            return known[2]
        made = self._build(self._content(view, key, now), key[1].media)
        if len(self._timed) >= _MOST_HITS:
            self._timed.clear()
        self._timed[key] = (view, int(now), made)
        return made

    def _content(self, view: FlagView, key: _HitKey, now: float) -> Content:
        _, wish, reason, safe = key
        words, news = wish.words, self._news
        return refusal_content(
            view, self._page, reason, repeatable=safe, now=now, words=words, news=news
        )

    def _answer(self, content: Content, media: Media, kept: _Answers) -> Answer:
        key = (content, media, _edited(content) if media is Media.HTML else 0)
        made = kept.get(key)
        if made is None:
            made = self._build(content, media)
            if _size(made) <= kept.maxsize:  # cachetools raises for what alone is too big
                kept[key] = made
        return made

    def _build(self, content: Content, media: Media) -> Answer:
        fields = [("Content-Type", media.value)]
        if content.retry_after is not None:
            fields.append(("Retry-After", str(content.retry_after)))
        if content.flag is not None:
            fields.append(("X-Maintenance", field_value(content.flag)))
        if content.percent is not None:
            fields.append(("X-Maintenance-Progress", str(content.percent)))
        if content.reason == Reason.BYPASS_VOID:
            fields.append(("Set-Cookie", f"{COOKIE}{content.flag}=; Path=/; Max-Age=0"))
        language: str | None = content.words.tag
        match media:
            case Media.HTML:
                html = self._renderer.html(content)
                fields.append(("Content-Security-Policy", html.policy))
                text, language = html.text, html.language
            case Media.PROBLEM:
                text = problem(content)
            case Media.PLAIN:
                text = plain(content)
        if language is not None:
            fields.append(("Content-Language", language))
        return answer(content.status, fields, text.encode("utf-8", "replace"))


def _size(made: Answer) -> int:
    return len(made.head) + len(made.body)


def _edited(content: Content) -> int:
    """When a template that is read from its file was last written, so that an edit is seen."""
    if content.template is None or content.source is not None:
        return 0
    try:
        return Path(content.template).stat().st_mtime_ns
    except OSError:
        return 0  # gone: rendering says so

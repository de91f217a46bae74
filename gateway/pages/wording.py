"""The words of a refusal: the flag's own, else the site's, else good defaults."""

from __future__ import annotations

from gateway.core.decision import Reason
from gateway.core.flags import Kind, Mode, Page
from gateway.core.snapshot import FlagView
from gateway.pages.content import Content, clean, one_line

STATUS = 503
RETRY_AFTER = 300  # seconds

_READ_ONLY = (
    "Changes are paused",
    "We are working on this. You can go on reading, but nothing can be changed for now.",
)
_DEFAULTS = {
    Kind.SITE: (
        "Down for maintenance",
        "We are working on the site. It will be back as soon as we are done.",
    ),
    Kind.FEATURE: (
        "Closed for maintenance",
        "We are working on this part of the site. It will be back as soon as we are done.",
    ),
    Kind.USER: (
        "Your account is being worked on",
        "This part of the site opens to you again as soon as we are done.",
    ),
}


def refusal_content(view: FlagView, site: Page, reason: Reason, *, repeatable: bool) -> Content:
    """What the page of a flag says now. ``repeatable``: the request was a GET or a HEAD."""
    state, own = view.state, view.flag.page
    title, message = _default_words(view, reason)
    return Content(
        status=_first(own.status, site.status) or STATUS,
        title=one_line(own.title or site.title or "") or title,
        message=clean(state.message or own.message or site.message or "") or message,
        retry_after=retry_after(view, site),
        promised=_promised(view, site) is not None,
        flag=view.flag.name,
        reason=reason.value,
        repeatable=repeatable and state.mode is not Mode.READ_ONLY,
        probe=_probe(view),
        template=own.template or site.template,
        source=own.source if own.template else site.source,
    )


def retry_after(view: FlagView, site: Page) -> int:
    """Seconds, as a refusal of the flag says them now."""
    promised = _promised(view, site)
    return RETRY_AFTER if promised is None else max(0, promised)


def _promised(view: FlagView, site: Page) -> int | None:
    return _first(view.state.retry_after, view.flag.page.retry_after, site.retry_after)


def _default_words(view: FlagView, reason: Reason) -> tuple[str, str]:
    if view.state.mode is Mode.READ_ONLY:
        return _READ_ONLY
    kind = view.flag.kind
    if kind is Kind.USER and reason is Reason.IDENTITY_MISSING:
        kind = Kind.FEATURE  # nobody is known, so there is no account to speak of
    return _DEFAULTS[kind]


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

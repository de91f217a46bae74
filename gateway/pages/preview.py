"""The page of a flag that holds nobody just now: what a visitor whom it holds would get."""

from __future__ import annotations

from gateway.core.decision import Reason
from gateway.core.flags import Flag, Kind, Page
from gateway.core.snapshot import FlagView
from gateway.pages.answers import Answer
from gateway.pages.pages import Pages
from gateway.pages.wishes import Wish, read_wish

_REASONS = {Kind.SITE: Reason.SITE, Kind.FEATURE: Reason.FEATURE, Kind.USER: Reason.USER_LISTED}


def preview(pages: Pages, view: FlagView, wish: Wish, method: str) -> Answer:
    """The refusal as the data plane would give it for a request with ``method``."""
    return pages.refusal(view, wish, _REASONS[view.flag.kind], safe=method in {"GET", "HEAD"})


def preview_page(flag: Flag, site: Page, *, accept: str, lang: str, method: str) -> str:
    """The body for a flag as the YAML has it; ``site`` is the page of the site."""
    wish = read_wish(accept.encode("utf-8", "replace"), lang.encode("utf-8", "replace"))
    view = FlagView(flag, flag.state, "yaml", None)
    return preview(Pages(site), view, wish, method.upper()).body.decode()

"""Reading ``notice`` and ``strip``: what is done to requests that a flag lets go on."""

from __future__ import annotations

from gateway.config.errors import Invalid
from gateway.config.nodes import Node
from gateway.config.scalars import text, token_text
from gateway.config.section import Section
from gateway.core.flags import Notice, Strip
from gateway.core.patches import LONGEST_TEXT
from gateway.core.selectors import is_selector

MOST = 100  # selectors, cookies or headers of one flag


def read_notice(section: Section) -> Notice:
    """``{banner: text, hide: [selector]}``; without either, the app alone is told."""
    with section:
        hide = section.each("hide", _selector)
        _refuse_many(section, "hide", len(hide))
        return Notice(section.take("banner", _banner, ""), tuple(dict.fromkeys(hide)))


def read_strip(section: Section) -> Strip:
    """``{cookies: [name], headers: [name]}``: whatever is not named stays."""
    with section:
        cookies = section.each("cookies", token_text)
        headers = section.each("headers", _header)
        _refuse_many(section, "cookies", len(cookies))
        _refuse_many(section, "headers", len(headers))
        return Strip(tuple(dict.fromkeys(cookies)), tuple(dict.fromkeys(headers)))


def _banner(node: Node) -> str:
    found = text(node)
    if len(found) > LONGEST_TEXT:
        raise Invalid(f"must have {LONGEST_TEXT} characters at most")
    return found


def _selector(node: Node) -> str:
    found = text(node)
    if not is_selector(found):
        raise Invalid('must be a CSS selector, such as "#search-box"; no braces, @, ; or comments')
    return found


def _header(node: Node) -> str:
    found = token_text(node)
    if found.lower().replace("_", "-") in _NEEDED:
        raise Invalid("cannot be taken out: the request would not be one, or another one")
    return found


def _refuse_many(section: Section, key: str, count: int) -> None:
    if count > MOST:
        section.refuse(key, f"has {count} entries; at most {MOST}")


# The request's target and framing, and what is settled between neighbours.
_NEEDED = frozenset((
    *("host", "content-length", "transfer-encoding", "content-type", "content-encoding"),
    *("connection", "upgrade", "te", "trailer", "expect"),
))  # fmt: skip

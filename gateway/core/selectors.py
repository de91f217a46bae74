"""CSS selectors, as far as they must be understood to stand in a style sheet of ours.

Each becomes the prelude of one rule. What could end that rule or begin another (braces, ``@``,
``;``, ``<``, a comment, an open string or bracket, a backslash at the end) is no part of the
grammar below, so no selector reaches past itself. Whether it selects anything is the page's
business; one that a browser does not know is passed over, and its rule with it.
CSS Syntax Level 3, section 4; Selectors Level 4, section 17.
"""

from __future__ import annotations

import re
from functools import cache

LONGEST = 500  # characters

_ESCAPE = r"\\(?:[0-9A-Fa-f]{1,6} ?|[^0-9A-Fa-f\s\\{}<>@;])"
_NAME = rf"(?:[A-Za-z0-9_\-\u00a1-\ud7ff\ue000-\uffff\U00010000-\U0010ffff]|{_ESCAPE})++"
_STRING = r"""(?:"[^"\\{}<@;\x00-\x1f]*+"|'[^'\\{}<@;\x00-\x1f]*+')"""
_ATTRIBUTE = (
    rf"\[ *+(?:{_NAME}\|)?{_NAME} *+"
    rf"(?:[~|^$*]?= *+(?:{_NAME}|{_STRING})(?: ++[iIsS])? *+)?\]"
)
_SIMPLE = rf"[#.]{_NAME}|{_NAME}|\*|{_ATTRIBUTE}|::?{_NAME}(?P<opens>\()?"
_BETWEEN = re.compile(r" *+[>+~,]? *+")


def is_selector(text: str) -> bool:
    """Whether ``text`` is one selector, or several with commas, that cannot break out."""
    if len(text) > LONGEST or text != text.strip(" ") or not text:
        return False
    depth = position = 0
    while position < len(text):
        if text[position] == ")" and depth:
            depth -= 1
            position += 1
            continue
        simple = _simple().match(text, position)
        found = simple or _BETWEEN.match(text, position)
        if found is None or found.end() == position:
            return False
        depth += simple is not None and simple["opens"] is not None
        position = found.end()
    return not depth and text[-1] not in ">+~,"


@cache
def _simple() -> re.Pattern[str]:
    # When first asked: it takes 10 ms, and most files name no selector.
    return re.compile(_SIMPLE)

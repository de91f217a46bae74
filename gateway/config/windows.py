"""Reading ``window``: when a flag is on by itself, once or again and again."""

from __future__ import annotations

from gateway.config.nodes import Broken, Node, Scalar, Table
from gateway.config.section import Section
from gateway.core.window_reading import KEYS, WindowError, read_window
from gateway.core.windows import Window


def read_flag_window(outer: Section) -> Window | None:
    """``{start, end}`` or ``{cron, for}``, with ``timezone`` and ``announce``; None without.

    What is wrong is reported at its key.
    """
    with outer.section("window") as section:
        nodes = {key: section.node(key) for key in KEYS}
        if not isinstance(outer.node("window"), Table) or section.unknown():
            return None
        if any(isinstance(node, Broken) for node in nodes.values()):
            return None
        try:
            return read_window({key: _plain(node) for key, node in nodes.items()})
        except WindowError as error:
            for key, message in error.errors:
                section.refuse(key, message) if key else outer.refuse("window", message)
            return None


def _plain(node: Node | None) -> object:
    # Text as it was written, as YAML takes bare times for something else; a list for what it is.
    match node:
        case Scalar(value=int() | float() | None):
            return node.value
        case Scalar():
            return node.text
        case _:
            return node

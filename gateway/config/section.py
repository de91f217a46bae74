"""One mapping, read key by key: what nobody asked for at the end is an unknown key."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from types import TracebackType
from typing import Self, TypeVar

from gateway.config.errors import Invalid, Origin, Report
from gateway.config.nodes import Broken, Items, Node, Scalar, Table, key_path

T = TypeVar("T")
D = TypeVar("D")

# Turns a node into a value; raises ``Invalid`` if it cannot.
Read = Callable[[Node], T]


class Section:
    """A ``with`` block over a mapping; leaving it reports the keys that nothing took."""

    def __init__(self, table: Table, report: Report) -> None:
        self.report = report
        self.origin = table.origin
        self._entries = table.entries
        self._known: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            for key in self.unknown():
                self.refuse(key, "unknown key" + did_you_mean(key, self._known))

    def names(self) -> tuple[str, ...]:
        return tuple(self._entries)

    def unknown(self) -> list[str]:
        """The keys that nothing has asked for up to now."""
        return [key for key in self._entries if key not in self._known]

    def given(self, key: str) -> bool:
        """Whether the key is there with something other than null, even something wrong."""
        node = self._entries.get(key)
        return node is not None and not is_null(node)

    def is_empty(self, key: str) -> bool:
        """Whether the key is there, but with nothing: null, an empty text, list or mapping."""
        node = self._entries.get(key)
        return node is not None and not isinstance(node, Broken) and _nothing_in(node)

    def node(self, key: str) -> Node | None:
        """The key's node as it is, null included."""
        self._known.append(key)
        return self._entries.get(key)

    def place(self, key: str) -> Origin:
        """Where the key is, or would be."""
        node = self._entries.get(key)
        if node is not None:
            return node.origin
        return Origin(self.origin.file, self.origin.line, key_path(self.origin.path, key))

    def take(self, key: str, read: Read[T], default: D) -> T | D:
        """The key's value; the default if it is absent, null, or wrong (and reported)."""
        node = self.node(key)
        if node is None or is_null(node):
            return default
        return attempt(node, read, self.report, default)

    def each(self, key: str, read: Read[T]) -> tuple[T, ...]:
        """The values of a list; each wrong one is reported, and the others are kept."""
        node = self.node(key)
        if node is None or is_null(node) or isinstance(node, Broken):
            return ()
        if not isinstance(node, Items):
            self.report.add(node.origin, "must be a list, such as [one, two]")
            return ()
        values = (attempt(item, read, self.report, None) for item in node.items)
        return tuple(value for value in values if value is not None)

    def section(self, key: str) -> Section:
        """The mapping under a key; an empty one if it is absent, null or (reported) wrong."""
        node = self.node(key)
        if isinstance(node, Table):
            return Section(node, self.report)
        if node is not None and not is_null(node) and not isinstance(node, Broken):
            self.report.add(node.origin, "must be a mapping, such as {key: value}")
        return Section(Table(self.place(key)), self.report)

    def later(self, key: str, what: str) -> None:
        """A key of a later version: only an empty form of it is let by."""
        node = self.node(key)
        if node is not None and not _nothing_in(node):
            self.refuse(key, f"this version does not do {what} yet")

    def refuse(self, key: str, message: str) -> None:
        self.report.add(self.place(key), message)


def attempt(node: Node, read: Read[T], report: Report, default: D) -> T | D:
    """What ``read`` makes of a node; the default after a report if it is wrong."""
    if isinstance(node, Broken):
        return default
    try:
        return read(node)
    except Invalid as error:
        report.add(node.origin, str(error), *error.files)
        return default


def is_null(node: Node) -> bool:
    return isinstance(node, Scalar) and node.value is None


def did_you_mean(word: str, known: list[str]) -> str:
    """`; did you mean "paths"?`, or nothing where nothing is near."""
    spellings = {name.lower(): name for name in known}
    near = get_close_matches(word.lower(), spellings, 1, 0.7)
    return f'; did you mean "{spellings[near[0]]}"?' if near else ""


def _nothing_in(node: Node) -> bool:
    match node:
        case Scalar():
            return node.value is None or node.value is False or node.value == ""
        case Items():
            return not node.items
        case Table():
            return all(_nothing_in(inner) for inner in node.entries.values())
        case Broken():
            return True

"""YAML text to nodes, with lines: the one place that meets PyYAML.

The text may come from anywhere, so its depth and what its aliases expand to are bounded,
and nothing in it is constructed: tags of objects are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import yaml
from yaml.composer import Composer
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import Resolver
from yaml.scanner import Scanner

from gateway.config.errors import Invalid, Origin, Report
from gateway.config.nodes import Broken, Items, Node, Table, key_path, plain_scalar, scalar
from gateway.config.substitution import SHIELD, Substitution, shield, unshield

DEEPEST = 50
MOST_ALIASED = 100_000  # values reached through aliases, all together


def decode(raw: bytes, file: str, report: Report) -> str | None:
    """The text of a file, or None after a report: UTF-8 without control characters."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        report.add(Origin(file, line, ""), f"is not UTF-8 (byte 0x{raw[error.start]:02x})")
        return None
    found = _UNWANTED.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        report.add(Origin(file, line, ""), f"has the character U+{ord(found[0]):04X}; take it out")
        return None
    return text


def compose(text: str, origin: Origin, substitution: Substitution, report: Report) -> Node | None:
    """The nodes of a YAML text whose root is at ``origin``; None if there are none.

    A syntax error, an unbounded alias or too much depth is reported and gives ``Broken``.
    """
    try:
        root = _Loader(shield(text)).get_single_node()
        if root is None:
            return None
        place = Origin(origin.file, root.start_mark.line + 1, origin.path)
        return _Builder(substitution, report).build(root, place)
    except yaml.MarkedYAMLError as error:
        report.add(*_syntax_error(error, text, origin))
    except _TooMuch as error:
        report.add(error.origin, str(error))
    return Broken(origin)


class _TooMuch(Exception):  # noqa: N818 the whole document is given up
    def __init__(self, origin: Origin, message: str) -> None:
        self.origin = origin
        super().__init__(message)


# libyaml composes by C recursion without a limit: 300,000 brackets are a segmentation fault.
# So only its parser is used, which is quick, and PyYAML's own composer, which is bounded here.
class _BoundedComposer(Composer):
    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node:
        self._depth += 1
        if self._depth > DEEPEST:
            mark = self.peek_event().start_mark  # type: ignore[attr-defined]  # of the parser
            raise yaml.MarkedYAMLError(problem=_TOO_DEEP, problem_mark=mark)
        node: yaml.Node = super().compose_node(parent, index)  # type: ignore[assignment,arg-type]
        self._depth -= 1
        return node


class _PlainLoader(_BoundedComposer, Reader, Scanner, Parser, Resolver):
    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        Resolver.__init__(self)


_Loader: Callable[[str], Composer] = _PlainLoader
if yaml.__with_libyaml__:

    class _QuickLoader(_BoundedComposer, yaml.CSafeLoader):
        def __init__(self, stream: str) -> None:
            yaml.CSafeLoader.__init__(self, stream)
            Composer.__init__(self)

    _Loader = _QuickLoader


class _Builder:
    def __init__(self, substitution: Substitution, report: Report) -> None:
        self._substitution = substitution
        self._report = report
        self._seen: set[int] = set()
        self._open: set[int] = set()
        self._aliased = 0

    def build(self, node: yaml.Node, origin: Origin) -> Node:
        with self._within(node, origin):
            try:
                return self._convert(node, origin)
            except Invalid as error:
                self._report.add(origin, str(error))
                return Broken(origin)

    @contextmanager
    def _within(self, node: yaml.Node, origin: Origin) -> Iterator[None]:
        # A node met a second time was reached through an alias.
        if id(node) in self._open:
            raise _TooMuch(origin, "is an alias of something that it is part of")
        self._aliased += id(node) in self._seen
        if self._aliased > MOST_ALIASED:
            raise _TooMuch(origin, f"aliases come to more than {MOST_ALIASED:,} values")
        self._seen.add(id(node))
        self._open.add(id(node))
        yield
        self._open.discard(id(node))

    def _convert(self, node: yaml.Node, origin: Origin) -> Node:
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if isinstance(node, yaml.ScalarNode) and kind in _SCALAR_TAGS:
            return self._scalar(node, origin)
        if isinstance(node, yaml.SequenceNode) and kind == "seq":
            return Items(origin, tuple(self._items(node, origin)))
        if isinstance(node, yaml.MappingNode) and kind == "map":
            return self._table(node, origin)
        raise Invalid("has a YAML tag (!...) that means nothing here")

    def _scalar(self, node: yaml.ScalarNode, origin: Origin) -> Node:
        written = unshield(node.value)
        if "${" not in written:
            return scalar(origin, written, node.tag)
        text = self._substitution.fill(written)
        if not node.style:  # bare, so YAML's types hold for what was filled in
            return plain_scalar(origin, text)
        return scalar(origin, text, node.tag, from_environment=True)

    def _items(self, node: yaml.SequenceNode, origin: Origin) -> Iterator[Node]:
        for place, item in enumerate(node.value):
            yield self.build(item, _at(origin, item, f"{origin.path}[{place}]"))

    def _table(self, node: yaml.MappingNode, origin: Origin) -> Node:
        entries: dict[str, Node] = {}
        merged: list[yaml.Node] = []
        for key, value in node.value:
            if key.tag.endswith(":merge"):
                merged.append(value)
            elif isinstance(key, yaml.ScalarNode):
                self._entry(key, value, origin, entries)
            else:
                self._report.add(_at(origin, key, origin.path), "a key must be plain text")
        for value in merged:
            self._merge(value, origin, entries)
        return Table(origin, entries)

    def _entry(
        self, key: yaml.ScalarNode, value: yaml.Node, origin: Origin, entries: dict[str, Node]
    ) -> None:
        # A value's line is its key's: that is where a person looks for it.
        name = unshield(key.value)
        place = _at(origin, key, key_path(origin.path, name))
        if name in entries:
            first = entries[name].origin.line
            self._report.add(place, f"is there twice; the first is in line {first}")
        else:
            entries[name] = self.build(value, place)

    def _merge(self, value: yaml.Node, origin: Origin, entries: dict[str, Node]) -> None:
        """Take in what ``<<`` names, as YAML 1.1 has it: what is there already wins."""
        sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for source in sources:
            table = self.build(source, origin)
            if isinstance(table, Table):
                for name, node in table.entries.items():
                    entries.setdefault(name, node)
            elif not isinstance(table, Broken):
                raise Invalid("<< must be given a mapping, or a list of them")


def _at(parent: Origin, node: yaml.Node, path: str) -> Origin:
    return Origin(parent.file, node.start_mark.line + 1, path)


def _syntax_error(error: yaml.MarkedYAMLError, text: str, origin: Origin) -> tuple[Origin, str]:
    lines = text.splitlines() or [""]
    mark = error.problem_mark or error.context_mark
    # At the end of the text, libyaml's mark is on the line after the last.
    line = min(mark.line, len(lines) - 1) if mark else 0
    if mark and lines[line][mark.column : mark.column + 1] == "\t":
        return Origin(origin.file, line + 1, ""), "has a tab; YAML is indented with spaces"
    # To YAML, a secret that begins with "*" is an alias, and one with "&" an anchor.
    message = _NAMED.sub(r"\1", error.problem or "is not YAML")
    began = error.context_mark
    if error.context and began and began.line < line:
        message = f"{message} {error.context} that begins in line {began.line + 1}"
    if error.problem != _TOO_DEEP:
        message = f"is not valid YAML: {message}"
    if mark and _COLON_AT_END.match(lines[line], mark.column):
        message += '; a value that ends in a colon needs quotes, as "memory:"'
    return Origin(origin.file, line + 1, ""), message


_NAMED = re.compile(r"""(alias|anchor) (['"]).*?\2""")
_COLON_AT_END = re.compile(r":\s*(?:#.*)?$")
_TOO_DEEP = "is nested too deeply"
_SCALAR_TAGS = {"null", "bool", "int", "float", "timestamp", "str", "value"}
_UNWANTED = re.compile(f"{Reader.NON_PRINTABLE.pattern}|{SHIELD}")

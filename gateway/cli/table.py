"""A table: ruled and coloured on a terminal, plain aligned lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from gateway.cli.failures import one_line

Row = Sequence[str]
LEAST_WIDTH = 8  # of a column that wraps, in characters


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a header. A cell of several lines keeps them on a terminal.

    There the columns named in ``firm`` keep their width and the others wrap. ``colours`` are
    by column, then by how a cell begins.
    """

    header: Row
    rows: Sequence[Row]
    firm: frozenset[str] = frozenset()
    colours: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])

    def print(self, narrow: Table | None = None) -> None:
        """To stdout; ``narrow`` in its place on a terminal that this one is too wide for."""
        if not sys.stdout.isatty():
            for line in self.lines():
                click.echo(line)
            return
        console = Console(file=sys.stdout, highlight=False)
        console.print(self.ruled(console, narrow))

    def ruled(self, console: Console, narrow: Table | None = None) -> RichTable:
        """As a terminal shows it; ``narrow`` in its place where this one is too wide for it."""
        ruled = self._ruled()
        if narrow is not None and _width(console, ruled) > console.width:
            return narrow._ruled()  # noqa: SLF001 a table like this one
        return ruled

    def lines(self) -> Iterator[str]:
        """Columns two blanks apart, an empty cell as ``-``, nothing cut off."""
        cells = [[one_line(cell) or "-" for cell in row] for row in (self.header, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            yield "  ".join(padded).rstrip()

    def _ruled(self) -> RichTable:
        # A column with nothing in it is left out: it has no news, and takes room.
        told = [place for place, _ in enumerate(self.header) if self._tells(place)]
        ruled = RichTable(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
        for name in (self.header[place] for place in told):
            least = None if name in self.firm else LEAST_WIDTH
            ruled.add_column(name, overflow="fold", no_wrap=name in self.firm, min_width=least)
        for row in self.rows:
            ruled.add_row(*(self._cell(self.header[place], row[place]) for place in told))
        return ruled

    def _tells(self, place: int) -> bool:
        return not self.rows or any(row[place].strip() for row in self.rows)

    def _cell(self, column: str, cell: str) -> Text:
        # Text, not str: a reason in [brackets] is no markup.
        first, *more = map(one_line, cell.split("\n"))
        colours = self.colours.get(column, {})
        text = Text(first, next((colours[word] for word in colours if first.startswith(word)), ""))
        return text.append("".join(f"\n{line}" for line in more), "dim")


def _width(console: Console, table: RichTable) -> int:
    return Measurement.get(console, console.options.update(width=10_000), table).maximum

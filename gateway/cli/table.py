"""A table: ruled and coloured on a terminal, plain aligned lines anywhere else."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import click
from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from gateway.cli.failures import one_line

Row = Sequence[str]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows below a header. ``styles`` colours whole cells, by how their text begins.

    On a narrow terminal the columns named in ``firm`` keep their width, the others wrap.
    """

    header: Row
    rows: Sequence[Row]
    styles: Mapping[str, str] = field(default_factory=dict[str, str])

    firm: frozenset[str] = frozenset()

    def print(self) -> None:
        """To stdout."""
        if not sys.stdout.isatty():
            for line in self.lines():
                click.echo(line)
            return
        Console(file=sys.stdout, highlight=False).print(self._ruled())

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
            ruled.add_column(name, overflow="fold", no_wrap=name in self.firm)
        for row in self.rows:
            # Text, not str: a reason in [brackets] is no markup.
            cells = [row[place] for place in told]
            ruled.add_row(*(Text(one_line(cell), self._style(cell)) for cell in cells))
        return ruled

    def _tells(self, place: int) -> bool:
        return not self.rows or any(row[place] for row in self.rows)

    def _style(self, cell: str) -> str:
        return next((self.styles[word] for word in self.styles if cell.startswith(word)), "")

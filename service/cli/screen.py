"""The terminal: results on standard output, progress and remarks on standard error.

With `--json` standard output carries JSON alone. Whatever comes from documents or the model is
printed without control characters, so that it can't move the cursor or rename the window.
"""

import json
import unicodedata
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.text import Text

#: Format characters that turn the direction of text around, to show other words than are there.
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


#: Columns of what goes into a file or a pipe, where nothing need be cut.
WIDE = 200


def plain(text: object) -> str:
    """`text` without control and direction-changing characters; tabs and line feeds stay."""
    kept = (
        c for c in str(text) if c in "\n\t" or (unicodedata.category(c) != "Cc" and c not in BIDI)
    )
    return "".join(kept)


class Screen:
    """What a command shows."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self.out = _console(stderr=False)
        self.err = _console(stderr=True)

    def result(self, payload: dict[str, Any]) -> None:
        """Print a result for programs."""
        print(json.dumps(payload, ensure_ascii=False, indent=2), flush=True)

    def done(self, payload: dict[str, Any], text: object) -> None:
        """Print a result of one line, or as JSON for programs."""
        if self.as_json:
            self.result(payload)
        else:
            self.line(text)

    def line(self, text: object, style: str = "") -> None:
        """Print a line of a result for people."""
        self.out.print(Text(plain(text), style=style), soft_wrap=not self.out.is_terminal)

    def block(self, text: object, indent: int, style: str = "") -> None:
        """Print a paragraph of a result, indented; wrapped only where a terminal would cut it."""
        words = Text(plain(text), style=style)
        if self.out.is_terminal:
            self.out.print(Padding(words, (0, 0, 0, indent)))
        else:
            lines = words.split(allow_blank=True)
            self.out.print(*(Text(" " * indent) + line for line in lines), sep="\n", soft_wrap=True)

    def token(self, text: str) -> None:
        """Print a piece of text as it comes, without breaking lines itself."""
        self.out.out(plain(text), end="", highlight=False)
        self.out.file.flush()

    def note(self, text: object, style: str = "") -> None:
        """Print a remark on standard error."""
        self.err.print(Text(plain(text), style=style), soft_wrap=not self.err.is_terminal)

    def progress(self) -> Progress:
        """Bars on standard error; nothing is drawn when it is no terminal or JSON is wanted."""
        return Progress(
            SpinnerColumn(),
            TextColumn(
                "{task.description}", markup=False, table_column=Column(max_width=40, no_wrap=True)
            ),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[remark]}", style="dim", markup=False),
            console=self.err,
            transient=True,
            disable=self.as_json or not self.err.is_terminal,
        )

    def table(self, *headings: str) -> Table:
        """An empty table; the last column takes what room is left."""
        table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 2, 0, 0))
        for number, heading in enumerate(headings, start=1):
            last = number == len(headings)
            table.add_column(heading, overflow="fold", ratio=int(last) or None, no_wrap=not last)
        return table

    def show(self, table: Table) -> None:
        """Print a table."""
        self.out.print(table)


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = WIDE
    return console


def cells(*values: object) -> list[Text]:
    """A table's row of plain text."""
    return [Text(plain("" if value is None else value)) for value in values]

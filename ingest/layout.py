"""Where the words of a page that was read by OCR stand on its picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Box = tuple[float, float, float, float]  #: left, top, right, bottom


@dataclass(frozen=True, slots=True)
class Fragment:
    """Text that OCR saw in one box."""

    char_start: int  #: code points of the page's text
    char_end: int  #: exclusive
    box: Box


@dataclass(frozen=True, slots=True)
class Layout:
    """The size of a page as shown and where its fragments are, origin top left."""

    width: float
    height: float
    fragments: tuple[Fragment, ...]

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        lines = [(one.char_start, one.char_end, *one.box) for one in self.fragments]
        return {"width": self.width, "height": self.height, "lines": lines}

    @classmethod
    def of(cls, plain: dict[str, Any]) -> "Layout":
        """What `plain` wrote. Raises KeyError, TypeError, ValueError for anything else."""
        fragments = tuple(
            Fragment(int(start), int(end), (float(x0), float(y0), float(x1), float(y1)))
            for start, end, x0, y0, x1, y1 in plain["lines"]
        )
        return cls(float(plain["width"]), float(plain["height"]), fragments)

    def boxes(self, char_start: int, char_end: int) -> tuple[Box, ...]:
        """A box for the part of each fragment that a span covers."""
        return tuple(self._boxes(char_start, char_end))

    def _boxes(self, start: int, end: int) -> Iterator[Box]:
        for one in self.fragments:
            first, last = max(start, one.char_start), min(end, one.char_end)
            if first < last:
                x0, y0, x1, y1 = one.box
                width = (x1 - x0) / (one.char_end - one.char_start)  # OCR boxes lines, not letters
                left = x0 + width * (first - one.char_start)
                yield (left, y0, left + width * (last - first), y1)

"""Offsets in a text, and the lines and columns that an editor counts."""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property

_LINE_END = re.compile(r"\r\n|\n|\r")


class Units(Enum):
    """What an editor counts columns in: UTF-16 unless it was agreed otherwise."""

    UTF8 = "utf-8"
    UTF16 = "utf-16"
    UTF32 = "utf-32"

    def count(self, text: str) -> int:
        """The length of a text."""
        if text.isascii() or self is Units.UTF32:
            return len(text)
        return len(text.encode("utf-8", "surrogatepass")) if self is Units.UTF8 else len(text) + _beyond(text)


def _beyond(text: str) -> int:
    """Characters that take two UTF-16 units."""
    return sum(character > "\uffff" for character in text)


@dataclass(frozen=True, order=True)
class Position:
    """Line and column, both from 0; the column in units of the editor."""

    line: int
    character: int


@dataclass(frozen=True)
class Lines:
    """The lines of a text as an editor counts them: a line ends at LF, CR LF or CR."""

    text: str
    units: Units = field(default=Units.UTF16)

    @cached_property
    def starts(self) -> list[int]:
        """Offsets of the beginnings of all lines."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> Position:
        """The position of an offset; one behind the end is the end."""
        offset = min(max(offset, 0), len(self.text))
        line = bisect.bisect_right(self.starts, offset) - 1
        return Position(line, self.units.count(self.text[self.starts[line] : offset]))

    def offset(self, position: Position) -> int:
        """The offset of a position; a column behind the end of its line is that end, as editors have it."""
        if position.line < 0:
            return 0
        if position.line >= len(self.starts):
            return len(self.text)
        line = self.line(position.line)
        start = self.starts[position.line]
        if line.isascii() or self.units is Units.UTF32:
            return start + min(max(position.character, 0), len(line))
        counted = 0
        for place, character in enumerate(line):
            if counted >= position.character:
                return start + place
            counted += self.units.count(character)
        return start + len(line)

    def line(self, number: int) -> str:
        """The text of a line (from 0) without its end."""
        following = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.text)
        return self.text[self.starts[number] : following].rstrip("\r\n")

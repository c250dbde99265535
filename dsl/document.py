"""Documents: text that knows where it may be broken, and the printer that fits it into a width.

After Wadler, "A prettier printer" (2003), and Oppen, "Prettyprinting" (1980): a group is printed on one line where it
fits, else every break of its own becomes a line end; the groups within decide for themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

WIDTH = 88
FARTHEST = 48
"""Text is aligned with its beginning up to this column; what begins further right is indented instead."""
STEP = 2
DEEPER = 4


@dataclass(frozen=True)
class Document:
    """A part of a document.

    ``forced`` is true where a comment ends a line within it, so that it cannot be flat; ``ends`` where a comment ends
    the line behind it.
    """

    forced: bool = field(default=False, kw_only=True)
    ends: bool = field(default=False, kw_only=True)


@dataclass(frozen=True)
class Text(Document):
    """Characters without a line end."""

    text: str


@dataclass(frozen=True)
class Break(Document):
    """A line end, or ``flat`` where its group stands on one line."""

    flat: str = " "


@dataclass(frozen=True)
class Comment(Document):
    """A comment, at the end of the line or, with ``own``, on a line of its own; a line end follows it."""

    text: str
    own: bool


@dataclass(frozen=True)
class Sequel(Document):
    """Parts one after the other."""

    parts: tuple[Document, ...]


@dataclass(frozen=True)
class Group(Document):
    """Flat if it fits."""

    body: Document


@dataclass(frozen=True)
class Nest(Document):
    """Line ends within are indented by STEP more."""

    body: Document


@dataclass(frozen=True)
class Align(Document):
    """Line ends within are indented to the column in which this begins."""

    body: Document


@dataclass(frozen=True)
class Row:
    """A printed line: its code, and the comment at its end. A comment alone on a line is code here."""

    code: str
    comment: str = ""


def text(characters: str) -> Document:
    """Characters without a line end."""
    return Text(characters)


EMPTY = Sequel(())


def join(*parts: Document) -> Document:
    """Parts one after the other."""
    filled_parts = [part for part in parts if part is not EMPTY]
    forced = any(part.forced for part in filled_parts) or any(part.ends for part in filled_parts[:-1])
    return Sequel(tuple(filled_parts), forced=forced, ends=bool(filled_parts) and filled_parts[-1].ends)


def group(*parts: Document) -> Document:
    """Parts that stand on one line if they fit."""
    body = join(*parts)
    return Group(body, forced=body.forced, ends=body.ends)


def nest(*parts: Document) -> Document:
    """Parts whose line ends are indented more."""
    body = join(*parts)
    return Nest(body, forced=body.forced, ends=body.ends)


def align(*parts: Document) -> Document:
    """Parts whose line ends are indented to where they begin."""
    body = join(*parts)
    return Align(body, forced=body.forced, ends=body.ends)


def filled(parts: Sequence[Document]) -> Document:
    """Parts, each on the line of the one before it where it fits."""
    return join(*parts[:1], *(group(Break(), part) for part in parts[1:]))


def comment(characters: str, *, own: bool) -> Document:
    """A comment; a line end follows it."""
    return Comment(characters, own, ends=True)


def render(document: Document, indent: int, width: int = WIDTH) -> list[Row]:
    """The lines of a document that begins at a column. What is broken is indented at least STEP more."""
    return _Printer(indent, width).rows(document)


_Pending = tuple[int, bool, Document]
"""What is still to be printed: the column of its line ends, whether it is flat, and the document."""


class _Printer:
    """Prints a document from left to right, with a stack of what is left."""

    def __init__(self, indent: int, width: int) -> None:
        self.indent = indent
        self.width = width
        self.finished: list[Row] = []
        self.code = " " * indent
        self.comment = ""
        self.fresh = True  # nothing but blanks stands on the line
        self.ended = False  # the line has ended, the next one has not begun
        self.next_column: int | None = None

    def rows(self, document: Document) -> list[Row]:
        stack: list[_Pending] = [(self.indent + STEP, False, document)]
        while stack:
            column, flat, part = stack.pop()
            match part:
                case Text():
                    self.write(part.text, column)
                case Break():
                    self.line_end(part, column, flat)
                case Comment():
                    self.write_comment(part, column)
                case Sequel():
                    stack += [(column, flat, inner) for inner in reversed(part.parts)]
                case Nest():
                    stack.append((column + STEP, flat, part.body))
                case Align():
                    stack.append((self.aligned(column), flat, part.body))
                case Group():
                    stack.append((column, flat or self.fits(part, stack, column), part.body))
        self.end_line()
        return self.finished

    def write(self, characters: str, column: int) -> None:
        self.begin_line(column)
        if self.fresh:
            characters = characters.lstrip()
        self.code += characters
        self.fresh = self.fresh and not characters

    def begin_line(self, column: int) -> None:
        if self.ended:
            self.end_line()
            self.code = " " * (column if self.next_column is None else self.next_column)
            self.ended, self.fresh, self.next_column = False, True, None

    def end_line(self) -> None:
        if self.code.strip():
            self.finished.append(Row(self.code.rstrip(), self.comment))
        self.code = self.comment = ""

    def line_end(self, part: Break, column: int, flat: bool) -> None:
        if not flat:
            self.ended, self.next_column = True, column
        elif not self.ended:
            self.write(part.flat, column)

    def write_comment(self, part: Comment, column: int) -> None:
        if part.own:
            self.ended = True
            self.begin_line(column)
            self.code += part.text
        else:
            self.begin_line(column)
            self.comment = part.text
        self.ended, self.next_column = True, None

    def aligned(self, column: int) -> int:
        """The column for line ends within what begins here."""
        here = len(self.code)
        if self.ended:
            here = column if self.next_column is None else self.next_column
        return max(here, self.indent + STEP) if here <= FARTHEST else min(column + DEEPER, FARTHEST)

    def fits(self, part: Group, rest: Sequence[_Pending], column: int) -> bool:
        """Whether a group, and what follows it up to the next line end, stands on this line."""
        if part.forced:
            return False
        room = self.width - (len(self.code) if not self.ended else column)
        for piece in leaves(part.body, rest):
            if isinstance(piece, Text):
                room -= len(piece.text)
            elif piece is None or isinstance(piece, Comment):
                return True
            else:
                room -= len(piece.flat)
            if room < 0:
                return False
        return True


def leaves(body: Document, rest: Sequence[_Pending]) -> Iterator[Text | Break | Comment | None]:
    """The pieces of a flat document and of what follows it, in order; None where a line ends."""
    following = len(rest)
    stack: list[tuple[bool, Document]] = [(True, body)]
    while stack or following:
        if not stack:
            following -= 1
            stack.append((rest[following][1], rest[following][2]))
        flat, inner = stack.pop()
        match inner:
            case Break() if not flat:
                yield None
            case Text() | Break() | Comment():
                yield inner
            case Sequel():
                stack += [(flat, piece) for piece in reversed(inner.parts)]
            case Nest() | Align() | Group():
                stack.append((flat, inner.body))


def separated(parts: Iterable[Document], separator: Document) -> list[Document]:
    """Every part but the last one with the separator behind it."""
    listed = list(parts)
    return [join(part, separator) for part in listed[:-1]] + listed[-1:]

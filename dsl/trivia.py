"""What stands between the tokens of a file: comments and blank lines, each with the token it belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from lark import Lark, Token

from karush.dsl.source import Source


@dataclass(frozen=True)
class Remark:
    """A comment on a line of its own; ``blank`` says that an empty line stands before it."""

    text: str
    blank: bool


@dataclass
class Trivia:
    """The comments of a file by the offset of their token.

    ``before`` are the comments on lines of their own above a token, ``after`` the one behind it on its line, ``blank``
    the tokens with an empty line before them (below their comments). ``end`` are the comments after the last token.
    ``above`` are those of ``before`` that stand above a whole statement.
    """

    before: dict[int, tuple[Remark, ...]] = field(default_factory=dict)
    above: dict[int, tuple[Remark, ...]] = field(default_factory=dict)
    after: dict[int, str] = field(default_factory=dict)
    blank: set[int] = field(default_factory=set)
    end: tuple[Remark, ...] = ()

    def leading(self, token: Token) -> tuple[Remark, ...]:
        """The comments above a token."""
        return self.before.get(token.start_pos or 0, ())

    def trailing(self, token: Token) -> str:
        """The comment behind a token, or nothing."""
        return self.after.get(token.start_pos or 0, "")

    def set_apart(self, first_tokens: Iterable[Token]) -> None:
        """Move the comments above statements, given by their first tokens, from ``before`` to ``above``."""
        for token in first_tokens:
            place = token.start_pos or 0
            if place in self.before:
                self.above[place] = self.before.pop(place)

    def parted(self, token: Token) -> bool:
        """Whether an empty line or a comment stands between the first token of a statement and what is before it."""
        place = token.start_pos or 0
        return place in self.blank or place in self.above


def read_trivia(source: Source, grammar: Lark) -> Trivia:
    """The comments and blank lines of a file."""
    reader = _Reader()
    for token in grammar.lex(source.text, dont_ignore=True):
        reader.read(token)
    reader.trivia.end = tuple(reader.remarks)
    return reader.trivia


class _Reader:
    """Gives each comment to the token before it on its line, else to the next token."""

    def __init__(self) -> None:
        self.trivia = Trivia()
        self.previous: int | None = None  # the last token, if it stands on this line
        self.line_ends = 0
        self.begun = False
        self.remarks: list[Remark] = []

    def read(self, token: Token) -> None:
        match token.type:
            case "NEWLINE":
                self.line_ends += 1
                self.previous = None
            case "COMMENT":
                self.comment(token.rstrip())
            case "BLANK" | "SEMICOLON":
                pass
            case _:
                self.token(token.start_pos or 0)

    def comment(self, text: str) -> None:
        if self.previous is not None:
            self.trivia.after[self.previous] = text
        else:
            self.remarks.append(Remark(text, self.is_after_blank_line()))
        self.begun, self.line_ends = True, 0

    def token(self, place: int) -> None:
        if self.remarks:
            self.trivia.before[place] = tuple(self.remarks)
            self.remarks = []
        if self.is_after_blank_line():
            self.trivia.blank.add(place)
        self.begun, self.line_ends, self.previous = True, 0, place

    def is_after_blank_line(self) -> bool:
        return self.begun and self.line_ends > 1

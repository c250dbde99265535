"""A statement that cannot go on: what the table of typical slips looks at."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from lark import Token

from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span
from karush.dsl.tokens import STATEMENT_WORDS

COMPARATORS = frozenset({"EQUAL", "UNEQUAL", "AT_MOST", "AT_LEAST", "LESS", "GREATER"})
DECLARATIONS = frozenset({"DIM", "PARAM", "VAR"})

_OPENERS = {"RPAR": "LPAR", "RSQB": "LSQB", "RBRACE": "LBRACE"}


@dataclass(frozen=True)
class Slip:
    """Token number ``position`` of a statement (or its end) is none of those ``accepted``.

    ``context`` is the block it stands in (``file``, ``fn``, ``model``, ``atom``); ``listing`` says whether
    ``subject to`` came before it there.
    """

    source: Source
    tokens: list[Token]
    position: int
    accepted: frozenset[str]
    context: str
    listing: bool

    def at(self, position: int) -> Token | None:
        """The token at a position, None outside of the statement."""
        return self.tokens[position] if 0 <= position < len(self.tokens) else None

    def type_at(self, position: int) -> str:
        """The type of the token at a position, ``END`` outside of the statement."""
        token = self.at(position)
        return "END" if token is None else token.type

    @property
    def first(self) -> Token:
        """The token that the statement begins with."""
        return self.tokens[0]

    @property
    def token(self) -> Token | None:
        """The token that cannot stand where it does; None where the statement ends too early."""
        return self.at(self.position)

    @property
    def type(self) -> str:
        """The type of that token."""
        return self.type_at(self.position)

    @property
    def previous(self) -> str:
        """The type of the token before it."""
        return self.type_at(self.position - 1)

    @property
    def following(self) -> str:
        """The type of the token after it."""
        return self.type_at(self.position + 1)

    def adjacent(self, position: int) -> bool:
        """Whether no blank stands between the token at a position and the one after it."""
        left, right = self.at(position), self.at(position + 1)
        return left is not None and right is not None and left.end_pos == right.start_pos

    @cached_property
    def brackets(self) -> list[int]:
        """Positions of the brackets that are open before the token, outermost first."""
        found: list[int] = []
        for position, token in enumerate(self.tokens[: self.position]):
            if token.type in _OPENERS.values():
                found.append(position)
            elif token.type in _OPENERS and found:
                found.pop()
        return found

    @property
    def inside(self) -> str:
        """The type of the innermost open bracket, or the empty string."""
        return self.tokens[self.brackets[-1]].type if self.brackets else ""

    @property
    def is_relation(self) -> bool:
        """Whether the statement is a constraint: it begins with no keyword of statements."""
        return self.first.type not in STATEMENT_WORDS and self.context != "atom"

    def since_bracket(self) -> list[Token]:
        """The tokens before the bad one that stand in the same bracket, with what they hold."""
        start = self.brackets[-1] + 1 if self.brackets else 0
        return self.tokens[start : self.position]

    # ------------------------------------------------------------ places and repairs

    def span(self, start: int, end: int | None = None) -> Span:
        """The place of the tokens from one position to another, both included."""
        last = len(self.tokens) - 1
        left, right = self.tokens[min(start, last)], self.tokens[min(start if end is None else end, last)]
        return Span(self.source, left.start_pos or 0, right.end_pos or 0)

    @property
    def place(self) -> Span:
        """The place of the bad token; just behind the last one where the statement ends too early."""
        if self.token is not None:
            return self.span(self.position)
        end = self.tokens[-1].end_pos or 0
        return Span(self.source, end, end)

    def replace(self, span: Span, text: str) -> Fix:
        """A repair that a machine can make; shows the statement as it becomes, where that is short."""
        start, end = self.tokens[0].start_pos or 0, self.tokens[-1].end_pos or 0
        whole = self.source.text
        statement = whole[start : span.start] + text + whole[span.end : end]
        if "\n" not in statement.strip() and 0 < len(statement.strip()) <= 80:
            message = statement.strip()
        else:
            message = f"write `{text.strip()}`" if text.strip() else f"drop `{span.text}`"
        return Fix(message, span, text)

    def insert(self, offset: int, text: str) -> Fix:
        """A repair that adds text at an offset."""
        return self.replace(Span(self.source, offset, offset), text)

    @staticmethod
    def with_notes(found: Diagnostic, *notes: tuple[str, str]) -> Diagnostic:
        """A finding with more to say."""
        return replace(found, notes=(*found.notes, *notes))

    def error(self, code: str, message: str, span: Span, label: str, *fixes: Fix | str) -> Diagnostic:
        """A finding about this statement."""
        repairs = tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes)
        return Diagnostic(code, message, (Label(span, label),), fixes=repairs)

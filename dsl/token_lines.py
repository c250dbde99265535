"""Lexing again after an edit: only the lines that changed.

No token of the language reaches over a line end, so the tokens of a text are those of its lines, one after the other.
The lines before the first change keep their tokens, those behind the last one are moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from lark import Lark, Token


@dataclass
class TokenLines:
    """The lines of a text with the tokens of each, kept from one lexing to the next."""

    lines: list[str] = field(default_factory=list)
    tokens: list[list[Token]] = field(default_factory=list)

    def lex(self, text: str, grammar: Lark, counts: Callable[[Token], bool]) -> Iterator[list[Token]]:
        """The tokens of a text that count, by line. They hold until the next text is lexed."""
        earlier, lines = self.lines, _lines(text)
        before = _common(earlier, lines)
        after = _common(earlier[before:][::-1], lines[before:][::-1])
        changed = lines[before : len(lines) - after]
        fresh: list[list[Token]] = [[] for _ in changed]
        for token in grammar.lex("".join(changed), dont_ignore=True):
            if counts(token):
                fresh[(token.line or 1) - 1].append(token)
        _move(fresh, sum(map(len, lines[:before])), before)
        kept = self.tokens[len(earlier) - after :]
        _move(kept, len(text) - sum(map(len, earlier)), len(lines) - len(earlier))
        self.lines, self.tokens = lines, [*self.tokens[:before], *fresh, *kept]
        return iter(self.tokens)


def _lines(text: str) -> list[str]:
    """The lines with their ends; only LF ends a line."""
    *whole, last = text.split("\n")
    return [*(f"{line}\n" for line in whole), last]


def _common(left: Sequence[str], right: Sequence[str]) -> int:
    """How many lines are the same from the beginning on."""
    least = min(len(left), len(right))
    return next((place for place in range(least) if left[place] != right[place]), least)


def _move(lines: list[list[Token]], shift: int, down: int) -> None:
    """Tokens come to stand further on and further down: in place, since their old places are of no use any more."""
    if not shift and not down:
        return
    for tokens in lines:
        for token in tokens:
            token.start_pos = (token.start_pos or 0) + shift
            token.end_pos = (token.end_pos or 0) + shift
            token.line = (token.line or 0) + down
            token.end_line = (token.end_line or 0) + down

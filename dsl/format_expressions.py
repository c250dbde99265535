"""Tokens of a statement to documents: what may be broken where.

A sequence of tokens is split at its loosest operators, each part at the next tighter ones, and so on: the groups are
those of the grammar, and every token is kept as it was written. The statement is known to be correct.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from lark import Token

from karush.dsl.document import EMPTY, Break, Document, align, comment, filled, group, join, nest, separated, text
from karush.dsl.token_tree import (
    INFIX,
    LOOSENESS,
    PREFIX,
    Bracket,
    Element,
    branches,
    find,
    first_token,
    is_leaf,
    last_token,
    loosest,
    split,
    word_at,
)
from karush.dsl.tokens import line_of
from karush.dsl.trivia import Trivia

_SPELLED = {"POWER": "^", "SUBJECT_TO": "subject to"}
_WORDS = frozenset({"NAME", "STRING", "NUMBER", "_PRIMITIVE"})


class Printer:
    """Documents of the parts of statements; ``trivia`` are the comments of the file."""

    def __init__(self, trivia: Trivia, documented: frozenset[int] = frozenset()) -> None:
        self.trivia = trivia
        self.documented = documented

    def token(self, token: Token, after: str = "") -> Document:
        """A token with its comments, and what stands behind it."""
        written = text(_SPELLED.get(token.type, str(token)) + after)
        above = [comment(remark.text, own=True) for remark in self.trivia.leading(token)]
        behind = self.trivia.trailing(token)
        return join(*above, written, *([comment(behind, own=False)] if behind else ()))

    # ------------------------------------------------------------ lists

    def bracket(self, bracket: Bracket) -> Document:
        """What stands in brackets, aligned behind the opening one."""
        inner = bracket.inner
        if bracket.opener.type == "LBRACE":
            body: Document = self.set_body(inner)
        elif find(inner, "FOR") >= 0:
            body = group(align(self.over(inner, Break())))
        else:
            body = align(self.items(inner, fill=all(is_leaf(element) for element in inner)))
        return group(self.token(bracket.opener), body, self.token(bracket.closer))

    def set_body(self, inner: Sequence[Element]) -> Document:
        """``x[n] : condition`` in the braces of a set."""
        colon = find(inner, "COLON")
        separator = word_at(inner, colon)
        condition = align(self.expression(inner[colon + 1 :]))
        return align(self.item(inner[:colon]), Break(), self.token(separator, " "), condition)

    def items(self, elements: Sequence[Element], *, fill: bool, declared: bool = False) -> Document:
        """Parts with commas between; a comma at the end is dropped, unless a comment stands at it.

        Where a ``##`` documents names that are ``declared``, they stay on the lines on which they were written.
        """
        parts = list(split(elements, "COMMA"))
        if not parts:
            return EMPTY
        if self.is_idle_comma(parts[-1][-1]):
            parts[-1] = parts[-1][:-1]
        lines = self.lines(parts) if declared else None
        if lines is not None:
            return join(*separated([on_one_line(map(self.item, line)) for line in lines], Break()))
        printed = [self.item(part) for part in parts]
        return filled(printed) if fill else join(*separated(printed, Break()))

    def is_idle_comma(self, element: Element) -> bool:
        """Whether an element is a comma without a comment."""
        if not isinstance(element, Token) or element.type != "COMMA":
            return False
        return not self.trivia.leading(element) and not self.trivia.trailing(element)

    def lines(self, parts: Sequence[Sequence[Element]]) -> list[list[Sequence[Element]]] | None:
        """The parts line by line as they were written, where a ``##`` documents what stands on one of the lines."""
        span = range(line_of(first_token(parts[0])), line_of(last_token(parts[-1])) + 1)
        if not any(line in self.documented for line in span):
            return None
        lines = [[parts[0]]]
        for previous, part in pairwise(parts):
            if line_of(last_token(previous)) == line_of(first_token(part)):
                lines[-1].append(part)
            else:
                lines.append([part])
        return lines

    def item(self, elements: Sequence[Element]) -> Document:
        """One part of a list: ``value``, ``name = value``, ``name in set``, ``from:to``, with the comma behind it."""
        *body, last = elements
        if not isinstance(last, Token) or last.type != "COMMA":
            return self.binding(elements)
        return join(self.binding(body), self.token(last))

    def binding(self, elements: Sequence[Element]) -> Document:
        """``value``, ``left = value`` or ``from:to``."""
        place = find(elements, "ASSIGN")
        if place > 0:
            sign = elements[place]
            assert isinstance(sign, Token)
            value = elements[place + 1 :]
            return join(self.declared(elements[:place]), text(" "), self.token(sign, " "), self.aligned(value))
        place = find(elements, "COLON")
        if place < 0:
            return self.declared(elements)
        colon = word_at(elements, place)
        return join(self.expression(elements[:place]), self.token(colon), self.expression(elements[place + 1 :]))

    def declared(self, elements: Sequence[Element]) -> Document:
        """``name[sizes] in set``, whose ``in`` stays on the line of the name, or any other expression."""
        place = find(elements, "IN")
        if loosest(elements) != [place] or not all(isinstance(element, Bracket) for element in elements[1:place]):
            return self.expression(elements)
        word = word_at(elements, place)
        name = join(*self.value(elements[:place]))
        return join(name, text(" "), self.token(word, " "), self.aligned(elements[place + 1 :]))

    # ------------------------------------------------------------ clauses

    def over(self, elements: Sequence[Element], gap: Document) -> Document:
        """``body for i in n if condition``, with ``gap`` before the ``for``."""
        place = find(elements, "FOR")
        word = word_at(elements, place)
        clause = join(gap, self.token(word, " "), self.clause(elements[place + 1 :]))
        return join(self.binding(elements[:place]), clause)

    def clause(self, elements: Sequence[Element]) -> Document:
        """``i in n, j in m if condition``."""
        place = find(elements, "IF")
        binders = elements if place < 0 else elements[:place]
        listed = self.items(binders, fill=True)
        if place < 0:
            return group(align(listed))
        word = word_at(elements, place)
        return group(align(listed, Break(), self.token(word, " "), self.aligned(elements[place + 1 :])))

    # ------------------------------------------------------------ expressions

    def aligned(self, elements: Sequence[Element]) -> Document:
        """An expression whose further lines stand below its beginning."""
        return align(self.expression(elements))

    def expression(self, elements: Sequence[Element]) -> Document:
        """An expression, split at its loosest operators."""
        if not elements:
            return EMPTY
        first = elements[0]
        if isinstance(first, Token) and first.type == "IF":
            return self.conditional(elements)
        places = loosest(elements)
        if not places:
            return self.prefixed(elements)
        operator = word_at(elements, places[0])
        ends = [*places[1:], len(elements)]
        rest: list[Document] = []
        for begin, end in zip(places, ends, strict=True):
            rest += [Break(), self.token(word_at(elements, begin), " "), self.aligned(elements[begin + 1 : end])]
        further = nest(*rest) if INFIX[LOOSENESS[operator.type]][1] else join(*rest)
        return group(align(self.expression(elements[: places[0]]), further))

    def conditional(self, elements: Sequence[Element]) -> Document:
        """``if c then a else b``."""
        then, orelse = branches(elements)
        pieces = (elements[:then], elements[then:orelse], elements[orelse:])
        printed = []
        for piece in pieces:
            printed.append(join(self.token(word_at(piece, 0), " "), self.aligned(piece[1:])))
        return group(align(*separated(printed, Break())))

    def prefixed(self, elements: Sequence[Element]) -> Document:
        """Signs and ``not`` before a value, and its powers."""
        signs = 0
        for element in elements:
            if not isinstance(element, Token) or element.type not in PREFIX:
                break
            signs += 1
        words = [self.token(e, " " if e.type == "NOT" else "") for e in elements[:signs] if isinstance(e, Token)]
        if signs and loosest(elements[signs:]):  # `not a <= b`
            return join(*words, self.aligned(elements[signs:]))
        return join(*words, *self.value(elements[signs:]))

    def value(self, elements: Sequence[Element]) -> Iterator[Document]:
        """A name or a number with what is attached to it; words that follow each other are kept apart."""
        previous: Element | None = None
        for element in elements:
            if isinstance(element, Bracket):
                yield self.bracket(element)
            else:
                apart = isinstance(previous, Token) and previous.type in _WORDS and element.type in _WORDS
                yield join(text(" " if apart else ""), self.token(element))
            previous = element


def on_one_line(parts: Iterator[Document]) -> Document:
    """Parts on one line, however long."""
    return join(*separated(parts, text(" ")))

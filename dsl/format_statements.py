"""Statements to documents, one statement at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lark import Token

from karush.dsl.document import EMPTY, Break, Document, align, group, join, nest, text
from karush.dsl.format_expressions import Printer
from karush.dsl.token_tree import Bracket, Element, brackets, find, word_at
from karush.dsl.tokens import mark_words

_LISTS = frozenset({"DIM", "PARAM", "VAR", "FIND"})
_HEADED = frozenset({"FN", "MODEL", "SET", "ATOM"})
_OBJECTIVES = frozenset({"MINIMIZE", "MAXIMIZE"})
_EXPRESSIONS = frozenset({"RETURN", "USING", "DERIVATIVE", "_RANGE", "_RULE"})
_FACTS = frozenset({"CURVATURE", "MONOTONICITY"})
_BINDINGS = frozenset({"_VALUE", "_PROX", "_GRAPH"})


@dataclass(frozen=True)
class Columns:
    """How wide the names of neighbours are, and what stands before a ``for``, so that they form columns."""

    label: int = 0
    name: int = 0
    gap: int = 2


class StatementPrinter(Printer):
    """Documents of whole statements."""

    def statement(self, tokens: Sequence[Token], *, in_atom: bool, columns: Columns) -> Document:
        """A statement, without the braces of a block."""
        first, *rest = brackets(mark_words(tokens, in_atom=in_atom))
        if isinstance(first, Token) and first.type in _BINDINGS:
            return self.binding([first, *rest])
        if isinstance(first, Bracket) or not is_word(first):
            return self.constraint([first, *rest], columns)
        if first.type in _LISTS:
            return join(self.token(first, " "), align(self.items(rest, fill=True, declared=True)))
        if first.type in _HEADED:
            return join(self.token(first, " "), self.headed(rest))
        if first.type in _OBJECTIVES:
            return join(self.token(first, " "), self.objective(rest))
        if first.type in _FACTS:
            return join(self.token(first, " "), self.fact(rest))
        if first.type == "LET":
            return join(self.token(first, " "), self.let(rest, columns.name))
        if first.type == "IMPORT":
            return join(self.token(first, " "), *self.imported(rest))
        return join(self.token(first, " " if rest else ""), align(self.binding(rest)) if rest else EMPTY)

    def headed(self, elements: Sequence[Element]) -> Document:
        """``name(header) = value``; the header may be absent, the value too."""
        name, *rest = elements
        assert isinstance(name, Token)
        parts = [self.token(name)]
        if rest and isinstance(rest[0], Bracket):
            header = rest.pop(0)
            assert isinstance(header, Bracket)
            names = align(self.items(header.inner, fill=True, declared=True))
            parts.append(group(self.token(header.opener), names, self.token(header.closer)))
        if rest:
            sign, *value = rest
            assert isinstance(sign, Token)
            parts += [text(" "), self.token(sign, " "), self.aligned(value)]
        return join(*parts)

    def let(self, elements: Sequence[Element], width: int) -> Document:
        """``name = value``, with the name as wide as its neighbours are."""
        name, sign, *value = elements
        assert isinstance(name, Token) and isinstance(sign, Token)
        return join(self.token(name, " " * (width - len(name))), text(" "), self.token(sign, " "), self.aligned(value))

    def imported(self, elements: Sequence[Element]) -> list[Document]:
        """``"path" as name`` or ``module.path as name``."""
        tokens = [element for element in elements if isinstance(element, Token)]
        return [join(text(" "), self.token(t, " ")) if t.type == "_AS" else self.token(t) for t in tokens]

    def fact(self, elements: Sequence[Element]) -> Document:
        """``in x, y for x in nonneg``, after ``convex`` or ``nondecreasing``."""
        word, *rest = elements
        assert isinstance(word, Token)
        place = find(rest, "FOR")
        if place < 0:
            return join(self.token(word, " "), align(self.items(rest, fill=True)))
        loop = word_at(rest, place)
        clause = join(Break(), self.token(loop, " "), self.clause(rest[place + 1 :]))
        return group(self.token(word, " "), align(self.items(rest[:place], fill=True)), clause)

    def objective(self, elements: Sequence[Element]) -> Document:
        """``label: value over x maximize over y``."""
        label, body = labelled(elements)
        place = find(body, "_OVER")
        value = body if place < 0 else body[:place]
        parts = [*map(self.token, label[:1]), *(self.token(colon, " ") for colon in label[1:])]
        printed = join(*parts, self.aligned(value))
        if place < 0:
            return printed
        second = find(body, "MAXIMIZE")
        return group(printed, *self.side(body[place:second]), *self.side(body[second:]))

    def side(self, elements: Sequence[Element]) -> list[Document]:
        """``over x, y`` or ``maximize over x, y``, on a line of its own."""
        place = find(elements, "_OVER")
        words = [self.token(word, " ") for word in elements[: place + 1] if isinstance(word, Token)]
        return [Break("  "), *words, align(self.items(elements[place + 1 :], fill=True))]

    def constraint(self, elements: Sequence[Element], columns: Columns) -> Document:
        """``label: relation for i in n``."""
        label, body = labelled(elements)
        parts: list[Document] = []
        if label:
            name, colon = label
            blanks = " " * (1 + columns.label - len(name))
            parts = [self.token(name), self.token(colon, blanks)]
        place = find(body, "FOR")
        if place < 0:
            return join(*parts, self.aligned(body))
        word = word_at(body, place)
        clause = nest(Break(" " * columns.gap), self.token(word, " "), self.clause(body[place + 1 :]))
        return join(*parts, group(align(self.expression(body[:place]), clause)))


def is_word(token: Token) -> bool:
    """Whether a token begins a statement that is not a constraint."""
    return token.type in _LISTS | _HEADED | _OBJECTIVES | _EXPRESSIONS | _FACTS | {"LET", "IMPORT", "SUBJECT_TO"}


def labelled(elements: Sequence[Element]) -> tuple[list[Token], Sequence[Element]]:
    """A label with its colon, if there is one, and the rest."""
    head = [element for element in elements[:2] if isinstance(element, Token)]
    if [token.type for token in head] == ["NAME", "COLON"]:
        return head, elements[2:]
    return [], elements

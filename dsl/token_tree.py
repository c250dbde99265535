"""Tokens of a statement as a tree: what stands in brackets, and the loosest operators of an expression."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lark import Token

from karush.dsl.tokens import ENDS_A_VALUE

CLOSER = {"LPAR": "RPAR", "LSQB": "RSQB", "LBRACE": "RBRACE"}


@dataclass(frozen=True)
class Bracket:
    """``( … )``, ``[ … ]`` or ``{ … }`` with what stands within."""

    opener: Token
    inner: tuple[Element, ...]
    closer: Token


Element = Token | Bracket

INFIX = (
    (frozenset({"OR"}), False),
    (frozenset({"AND"}), False),
    (frozenset({"PERP"}), True),
    (frozenset({"IN"}), True),
    (frozenset({"EQUAL", "UNEQUAL", "AT_MOST", "AT_LEAST", "LESS", "GREATER"}), True),
    (frozenset({"PLUS", "MINUS"}), False),
    (frozenset({"TIMES", "DIVIDE", "MATMUL"}), False),
)
"""The infix operators, loosest first, and whether what follows a broken line is indented below the first operand."""

LOOSENESS = {operator: level for level, (operators, _) in enumerate(INFIX) for operator in operators}
PREFIX = frozenset({"NOT", "PLUS", "MINUS"})
_LEAF = frozenset({"NUMBER", "STRING", "NAME", "TRUE", "FALSE", "COMMA", *PREFIX})


def brackets(tokens: Sequence[Token]) -> tuple[Element, ...]:
    """The tokens with those within brackets taken together."""
    open_ones: list[tuple[Token, list[Element]]] = []
    elements: list[Element] = []
    for token in tokens:
        if token.type in CLOSER:
            open_ones.append((token, elements))
            elements = []
        elif token.type in CLOSER.values():
            opener, outer = open_ones.pop()
            outer.append(Bracket(opener, tuple(elements), token))
            elements = outer
        else:
            elements.append(token)
    return tuple(elements)


def find(elements: Sequence[Element], *types: str) -> int:
    """Where the first token of these types stands, outside of brackets; -1 if there is none."""
    places = (n for n, element in enumerate(elements) if isinstance(element, Token) and element.type in types)
    return next(places, -1)


def word_at(elements: Sequence[Element], place: int) -> Token:
    """The token at a place that was found by its type."""
    word = elements[place]
    assert isinstance(word, Token)
    return word


def split(elements: Sequence[Element], *types: str) -> Iterator[tuple[Element, ...]]:
    """The parts between tokens of these types; each ends with the token that follows it."""
    begin = 0
    for number, element in enumerate(elements):
        if isinstance(element, Token) and element.type in types:
            yield tuple(elements[begin : number + 1])
            begin = number + 1
    if begin < len(elements):
        yield tuple(elements[begin:])


def loosest(elements: Sequence[Element]) -> list[int]:
    """Where the loosest infix operators of an expression stand; a ``not`` binds looser than a relation."""
    found: dict[int, list[int]] = {}
    for number, element in enumerate(elements):
        if isinstance(element, Token) and element.type in LOOSENESS and (is_infix(elements, number)):
            found.setdefault(LOOSENESS[element.type], []).append(number)
    first = elements[0] if elements else None
    if isinstance(first, Token) and first.type == "NOT":
        found = {level: places for level, places in found.items() if level <= LOOSENESS["AND"]}
    return found[min(found)] if found else []


def is_infix(elements: Sequence[Element], place: int) -> bool:
    """Whether an operator has a left operand."""
    previous = elements[place - 1] if place else None
    return isinstance(previous, Bracket) or (previous is not None and previous.type in ENDS_A_VALUE)


def branches(elements: Sequence[Element]) -> tuple[int, int]:
    """Where the ``then`` and the ``else`` of the first ``if`` stand."""
    open_ones = 0
    then = 0
    for number, element in enumerate(elements):
        kind = element.type if isinstance(element, Token) else ""
        if kind == "IF":
            open_ones += 1
        elif kind == "THEN" and open_ones == 1 and not then:
            then = number
        elif kind == "ELSE":
            open_ones -= 1
            if open_ones == 0:
                return then, number
    raise ValueError("a conditional without its else")


def first_token(elements: Sequence[Element]) -> Token:
    """The token that a part begins with."""
    first = elements[0]
    return first.opener if isinstance(first, Bracket) else first


def last_token(elements: Sequence[Element]) -> Token:
    """The token that a part ends with."""
    last = elements[-1]
    return last.closer if isinstance(last, Bracket) else last


def is_leaf(element: Element) -> bool:
    """Whether an element of a list is a number, a name, a sign or a comma."""
    return isinstance(element, Token) and element.type in _LEAF

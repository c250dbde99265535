"""Expressions as polynomials, piece by piece: exact, and modulo an equation g = 0.

Arithmetic makes polynomials of symbols; any other expression is a symbol of its own, two expressions that are the same
being one symbol. ``abs``, ``max``, ``clip``, an inner ``if`` and their like have one polynomial for each of their
pieces, with the polynomials that are >= 0 where the piece is taken. Where arguments of other functions are read modulo
g, functions of arguments that agree there are one symbol: exp(x) at x = 0 is 1. Arrays are taken entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import isfinite, isqrt

from karush.compiler.facts import rational_polynomials as exact
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.facts.rational_polynomials import Polynomial, TooLargeError
from karush.compiler.facts.same import Sameness
from karush.compiler.library import Library
from karush.compiler.model import Apply, Constant, Expr, Kind, Named, ParamValue, SizeValue, Subscript, VarValue
from karush.stdlib.lattice import Interval
from karush.stdlib.primitive_names import ELEMENTWISE

MOST_NODES = 400
MOST_CASES = 64
"""Of larger expressions, and of more combinations of pieces, nothing is told."""

ARITHMETIC = frozenset({"add", "subtract", "multiply", "negate", "divide", "power", "if", "maximum", "minimum"})
MIRRORED = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}

AT_POINTS: Mapping[tuple[str, Fraction], Fraction] = {
    **{(name, Fraction(0)): Fraction(0) for name in ("expm1", "log1p", "sin", "tan", "sinh", "tanh", "atan", "asin",
                                                      "xlogx", "entropy", "gelu", "silu")},
    **{(name, Fraction(0)): Fraction(1) for name in ("exp", "cos", "cosh")},
    **{(name, Fraction(1)): Fraction(0) for name in ("log", "xlogx", "entropy", "acos")},
    ("sigmoid", Fraction(0)): Fraction(1, 2),
}  # fmt: skip
"""Values of functions that are rational."""


@dataclass(frozen=True)
class Piece:
    """A value and what is >= 0 where it is taken."""

    value: Polynomial
    where: tuple[Polynomial, ...] = ()


@dataclass(frozen=True)
class Symbol:
    """What a symbol stands for; a ``base`` is the param or var that it is, or an entry of."""

    interval: Interval
    text: str
    base: str | None = None


class UndecidedError(Exception):
    """A piece has to be chosen: the key of the expression, and which pieces it may be."""

    def __init__(self, key: int, possible: list[int]) -> None:
        super().__init__(key)
        self.key, self.possible = key, possible


@dataclass(eq=False)
class Scene:
    """What reading asks of a model: facts, sameness, atoms, and the value of an atom as an expression."""

    facts: Facts
    sameness: Sameness
    library: Library
    expand: Callable[[Apply], Expr | None]


@dataclass(eq=False)
class Reader:
    """Reads expressions in one case: ``chosen`` maps expressions with pieces to the piece that they are.

    ``where`` collects what is >= 0 in this case. With ``modulus`` set, what is read is right where it is 0.
    """

    scene: Scene
    chosen: Mapping[int, int]
    modulus: Polynomial = field(default_factory=dict)
    where: list[Polynomial] = field(default_factory=list)
    symbols: list[Symbol] = field(default_factory=list)
    inverses: dict[int, Polynomial] = field(default_factory=dict)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _known: dict[Expr, Polynomial] = field(default_factory=dict)

    def at_zero_of(self, modulus: Polynomial) -> None:
        """From here on, read where this polynomial is 0."""
        self.modulus = self.cleared(modulus)
        self._known = {}

    def polynomial(self, expr: Expr) -> Polynomial:
        """The expression as a polynomial in this case."""
        pending = [expr]
        while pending:
            node = pending[-1]
            missing = [part for part in self._parts(node) if part not in self._known]
            if missing:
                pending += missing
                continue
            if node not in self._known:
                self._known[node] = self._read(node)
                if len(self._known) > MOST_NODES:
                    raise TooLargeError
            pending.pop()
        return self._known[expr]

    def here(self, p: Polynomial) -> Polynomial:
        """A polynomial where the modulus is 0."""
        return exact.remainder(p, self.modulus)

    def cleared(self, p: Polynomial) -> Polynomial:
        """A polynomial times powers of divisors (none of them 0) such that no reciprocal is left."""
        for number in sorted(self.inverses, reverse=True):
            highest = max((dict(monomial).get(number, 0) for monomial in p), default=0)
            if highest:
                p = self._without(p, number, highest)
        return p

    def _without(self, p: Polynomial, number: int, highest: int) -> Polynomial:
        total: Polynomial = exact.ZERO
        for monomial, coefficient in p.items():
            left = tuple((name, e) for name, e in monomial if name != number)
            missing = highest - dict(monomial).get(number, 0)
            term = exact.multiply({left: coefficient}, exact.raised(self.inverses[number], missing))
            total = exact.add(total, term)
        return total

    def interval(self, p: Polynomial) -> Interval:
        """The values that a polynomial can have."""
        return exact.enclose(p, lambda number: self.symbols[number].interval)

    def text(self, p: Polynomial) -> str:
        """The polynomial as it would be typed."""
        return exact.written(p, lambda number: self.symbols[number].text)

    # ------------------------------------------------------------ nodes

    def _parts(self, node: Expr) -> tuple[Expr, ...]:
        """What is to be read before a node."""
        match node:
            case Named():
                return (node.value,)
            case Apply(atom="if", arguments=(_, *branches)):
                return tuple(branches)
            case Apply(atom=name) if name in ARITHMETIC or self._primitive(node) in ELEMENTWISE:
                return node.arguments
            case Apply():
                value = self.scene.expand(node)
                return () if value is None else (value,)
        return ()

    def _primitive(self, node: Apply) -> str | None:
        atom = None if node.atom in ARITHMETIC else self.scene.library.atom(node.atom)
        return None if atom is None else atom.primitive

    def _read(self, node: Expr) -> Polynomial:
        match node:
            case Constant(value=value) if not isinstance(value, bool) and isfinite(value):
                return exact.constant(Fraction(repr(value)))  # 0.1 is a tenth
            case SizeValue() if node.size.value is not None:
                return exact.constant(node.size.value)
            case Named():
                return self._known[node.value]
            case Apply():
                return self._apply(node)
        return self._opaque(node)

    def _opaque(self, node: Expr) -> Polynomial:
        key = ("node", self.scene.sameness.key(node))
        return self._symbol(key, self.scene.facts[node].interval, text_of(node), _base(node))

    def _symbol(self, key: Hashable, interval: Interval, text: str, base: str | None = None) -> Polynomial:
        if key not in self._numbers:
            self._numbers[key] = len(self.symbols)
            self.symbols.append(Symbol(interval, text, base))
        return exact.symbol(self._numbers[key])

    def _apply(self, node: Apply) -> Polynomial:
        if node.kind is Kind.BOOLEAN or (node.kind is Kind.INTEGER and node.atom == "divide"):
            return self._opaque(node)
        if node.atom == "if":
            return self._choose(node, self._branches(node))
        primitive = self._primitive(node)
        if node.atom in ARITHMETIC or primitive in ELEMENTWISE:
            return self._function(node, primitive or node.atom, [self._known[a] for a in node.arguments])
        square = self._squared_length(node, primitive)
        if square is not None:
            return square
        value = self.scene.expand(node)
        return self._opaque(node) if value is None else self._known[value]

    def _squared_length(self, node: Apply, primitive: str | None) -> Polynomial | None:
        """‖v‖ as a symbol N, and N² of what is its square."""
        match node:
            case Apply(atom="matmul", arguments=(a, b)) if not node.shape and self.scene.sameness.same(a, b):
                inner, exponent = a, 2
            case Apply(arguments=(a,)) if primitive in ("norm2", "sumsq"):
                inner, exponent = a, 2 if primitive == "sumsq" else 1
            case _:
                return None
        key = ("length", self.scene.sameness.key(inner))
        length = self._symbol(key, Interval(0.0), f"norm2({text_of(inner)})")
        return exact.raised(length, exponent)

    # ------------------------------------------------------------ functions of entries

    def _function(self, node: Apply, name: str, given: list[Polynomial]) -> Polynomial:
        match name, given:
            case "add", [a, b]:
                return exact.add(a, b)
            case "subtract", [a, b]:
                return exact.add(a, b, -1)
            case "negate", [a]:
                return exact.scale(a, -1)
            case "multiply", [a, b]:
                return exact.multiply(a, b)
            case "square", [a]:
                return exact.multiply(a, a)
            case "divide", [a, b]:
                return self._quotient(node, a, b)
            case "inv_pos", [a]:
                return self._quotient(node, exact.constant(1), a)
            case "power", [a, b]:
                return self._power(node, a, b)
        found = pieces(name, [self.here(p) for p in given])
        return self._choose(node, found) if found else self._other(node, name, given)

    def _quotient(self, node: Apply, a: Polynomial, b: Polynomial) -> Polynomial:
        divisor = exact.value_of(b)
        if divisor:
            return exact.scale(a, 1 / divisor)
        interval = self.interval(b)
        if divisor is not None or 0.0 in interval:
            return self._other(node, "divide", [a, b])
        key = ("inverse", frozenset(b.items()))
        found = self._symbol(key, interval.reciprocal(), f"1 / {text_of(node.arguments[-1])}")
        self.inverses[self._numbers[key]] = b
        return exact.multiply(a, found)

    def _power(self, node: Apply, a: Polynomial, b: Polynomial) -> Polynomial:
        exponent = exact.value_of(b)
        if exponent is None or exponent.denominator != 1:
            return self._other(node, "sqrt" if exponent == Fraction(1, 2) else "power", [a, b])
        if exponent >= 0:
            return exact.raised(a, int(exponent))
        if 0.0 in self.interval(a):
            return self._other(node, "power", [a, b])
        key = ("inverse", frozenset(a.items()))
        found = self._symbol(key, self.interval(a).reciprocal(), f"1 / {text_of(node.arguments[0])}")
        self.inverses[self._numbers[key]] = a
        return exact.raised(found, -int(exponent))

    def _other(self, node: Apply, name: str, given: list[Polynomial]) -> Polynomial:
        """Any other function: a number where that is known, else a symbol for its arguments."""
        given = [self.here(p) for p in given]
        first = exact.value_of(given[0])
        if first is not None and (name, first) in AT_POINTS:
            return exact.constant(AT_POINTS[name, first])
        if name == "sqrt" and (root := self._root(given[0])) is not None:
            return root
        key = (name, tuple(frozenset(p.items()) for p in given))
        return self._symbol(key, self.scene.facts[node].interval, text_of(node))

    def _root(self, p: Polynomial) -> Polynomial | None:
        """√p of 0 and of the square of a monomial that is >= 0."""
        if not p:
            return p
        ((monomial, coefficient), *others) = p.items()
        top, bottom = (isqrt(max(n, 0)) for n in (coefficient.numerator, coefficient.denominator))
        if others or top**2 != coefficient.numerator or bottom**2 != coefficient.denominator:
            return None
        if any(e % 2 or not self.symbols[name].interval.is_nonnegative for name, e in monomial):
            return None
        return {tuple((name, e // 2) for name, e in monomial): Fraction(top, bottom)}

    # ------------------------------------------------------------ pieces

    def _branches(self, node: Apply) -> list[Piece]:
        test, then, orelse = node.arguments
        return [
            Piece(self._known[branch], tuple(self.conditions(test, holds=holds)))
            for branch, holds in ((then, True), (orelse, False))
        ]

    def conditions(self, test: Expr, *, holds: bool) -> Iterator[Polynomial]:
        """What is >= 0 where a condition holds, or where it does not."""
        match test:
            case Named(value=value):
                yield from self.conditions(value, holds=holds)
            case Apply(atom="not", arguments=(inner,)):
                yield from self.conditions(inner, holds=not holds)
            case Apply(atom="and" | "or", arguments=parts) if (test.atom == "and") == holds:
                for part in parts:
                    yield from self.conditions(part, holds=holds)
            case Apply(atom=sign, arguments=(left, right)) if sign in MIRRORED:
                sign = sign if holds else MIRRORED[sign]
                above, below = (right, left) if sign.startswith("less") else (left, right)
                yield exact.add(self.polynomial(above), self.polynomial(below), -1)

    def _choose(self, node: Apply, found: list[Piece]) -> Polynomial:
        """The polynomial of the piece that the node is in this case."""
        possible = [k for k, piece in enumerate(found) if not self.is_impossible(piece.where)]
        if len(possible) == 1:
            return found[possible[0]].value
        key = self.scene.sameness.key(node)
        if key not in self.chosen:
            raise UndecidedError(key, possible)
        piece = found[self.chosen[key]]
        self.where += piece.where
        return piece.value

    def is_impossible(self, where: tuple[Polynomial, ...] | list[Polynomial]) -> bool:
        """Is one of these, which should be >= 0, less than 0 for all values, as far as intervals tell?"""
        return any(self.interval(self.here(p)).is_negative for p in where)


def pieces(name: str, given: list[Polynomial]) -> list[Piece]:
    """The pieces of a function of entries; none where it has none."""
    match name, given:
        case "abs", [x]:
            return [Piece(x, (x,)), Piece(_minus(x), (_minus(x),))]
        case "relu", [x]:
            return [Piece(x, (x,)), Piece(exact.ZERO, (_minus(x),))]
        case "neg_part", [x]:
            return [Piece(_minus(x), (_minus(x),)), Piece(exact.ZERO, (x,))]
        case "leaky_relu", [x, slope]:
            return [Piece(x, (x,)), Piece(exact.multiply(slope, x), (_minus(x),))]
        case "maximum", [x, y]:
            return [Piece(x, (exact.add(x, y, -1),)), Piece(y, (exact.add(y, x, -1),))]
        case "minimum", [x, y]:
            return [Piece(x, (exact.add(y, x, -1),)), Piece(y, (exact.add(x, y, -1),))]
        case "clip", [x, low, high]:
            inside = (exact.add(x, low, -1), exact.add(high, x, -1))
            below = (exact.add(low, x, -1), exact.add(high, low, -1))
            above, turned = exact.add(x, high, -1), exact.add(low, high, -1)
            return [Piece(x, inside), Piece(low, below), Piece(high, (above,)), Piece(high, (turned,))]
    return []


def _minus(p: Polynomial) -> Polynomial:
    return exact.scale(p, -1)


def _base(node: Expr) -> str | None:
    while isinstance(node, Subscript):
        node = node.value
    return node.name if isinstance(node, ParamValue | VarValue) and node.kind is Kind.REAL else None


def cases(scene: Scene, read: Callable[[Reader], bool]) -> bool:
    """Does a question have the answer yes in every case? ``read`` asks it of one."""
    pending: list[dict[int, int]] = [{}]
    count = 0
    while pending:
        chosen = pending.pop()
        count += 1
        if count > MOST_CASES:
            raise TooLargeError
        try:
            if not read(Reader(scene, chosen)):
                return False
        except UndecidedError as choice:
            pending += [{**chosen, choice.key: k} for k in choice.possible]
    return True

"""Bounds of integer expressions, by which an index is proved to stay in range.

An integer expression is brought to a polynomial in dims and *tokens*. A token stands for a quantity with known bounds
low ≤ token ≤ high: a binder (between the ends of its range), or an entry of a param ``in index(d)`` (between 0 and
d - 1). A polynomial p is proved nonnegative by replacing each token by the end that makes p least, and then showing
that the polynomial in dims that is left has no negative value: dims are nonnegative, and the binders in sight run
over ranges that are not empty. Where a condition in force gives f ≥ 0, it is enough to show p - f ≥ 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from karush.compiler.dependence import children
from karush.compiler.model import (
    Apply,
    Binder,
    BinderValue,
    Comprehension,
    Constant,
    Expr,
    Kind,
    Named,
    SizeValue,
    Subscript,
)
from karush.stdlib.shape import CeilingQuotient, Size

ZERO = Size.constant(0)
ONE = Size.constant(1)


def last_value(binder: Binder) -> Size:
    """An upper bound (for a negative step a lower bound) of the values of a binder; exact for step ±1."""
    span = binder.length - ONE
    if abs(binder.step) != 1:
        factor = binder.length.terms[0][0] if len(binder.length.terms) == 1 else ()
        if len(factor) == 1 and isinstance(factor[0], CeilingQuotient):
            reach = factor[0].numerator - ONE
            return binder.start + (reach if binder.step > 0 else ZERO - reach)
        return binder.start + span * Size.constant(binder.step)
    return binder.start + span * Size.constant(binder.step)


@dataclass
class Bounds:
    """Bounds of the tokens met so far, and what is known: ``index_sizes`` of index params, facts, binders in sight."""

    index_sizes: Mapping[Expr, Size]
    facts: tuple[Size, ...] = ()
    binders: tuple[Binder, ...] = ()
    low: dict[str, Size] = field(default_factory=dict)
    high: dict[str, Size] = field(default_factory=dict)

    # ------------------------------------------------------------ integer expressions as polynomials

    def form(self, expr: Expr) -> Size | None:
        """The polynomial of an integer expression; None where it is none, or where nothing bounds an ingredient."""
        known: dict[Expr, Size | None] = {}
        pending = [expr]
        while pending:
            node = pending[-1]
            missing = [part for part in self._integer_parts(node) if part not in known]
            if missing:
                pending += missing
            else:
                known[node] = self._form(node, known)
                pending.pop()
        return known[expr]

    def _integer_parts(self, expr: Expr) -> tuple[Expr, ...]:
        """The expressions whose forms make that of an expression."""
        if expr in self.index_sizes or expr.kind is not Kind.INTEGER:
            return ()
        return children(expr) if isinstance(expr, (Named, Comprehension, Apply)) else ()

    def _form(self, expr: Expr, known: Mapping[Expr, Size | None]) -> Size | None:
        if expr in self.index_sizes:
            return self._index_token(expr, expr)
        match expr:
            case Constant(value=int() as value) if not isinstance(value, bool):
                return Size.constant(value)
            case SizeValue():
                return expr.size
            case BinderValue():
                return self._binder_token(expr.binder)
            case Named() | Comprehension():
                return known.get(children(expr)[0])
            case Subscript():
                return self._subscript_form(expr)
            case Apply():
                return _combined(expr.atom, [known.get(a) for a in expr.arguments])
        return None

    def _subscript_form(self, expr: Subscript) -> Size | None:
        inner = expr.value
        while isinstance(inner, (Named, Subscript)):
            inner = inner.value
        return self._index_token(inner, expr)

    def _binder_token(self, binder: Binder) -> Size:
        token = f"{binder.name}#{id(binder)}"
        ends = (binder.start, last_value(binder))
        self.low[token], self.high[token] = ends if binder.step > 0 else ends[::-1]
        return Size.of(token)

    def _index_token(self, declared: Expr, used: Expr) -> Size | None:
        if declared not in self.index_sizes:
            return None
        token = f"index#{id(used)}"
        self.low[token], self.high[token] = ZERO, self.index_sizes[declared] - ONE
        return Size.of(token)

    # ------------------------------------------------------------ proofs

    def nonnegative(self, form: Size) -> bool:
        """Whether ``form`` is proved to have no negative value."""
        if self._sure(form):
            return True
        return any(self._sure(form - fact) for fact in self.facts)

    def _sure(self, form: Size) -> bool:
        least = self.extreme(form, largest=False)
        return least is not None and self._never_negative(least)

    def extreme(self, form: Size, largest: bool) -> Size | None:
        """The least (largest) value of a form over the bounds of its tokens; None where its sign pattern is open."""
        for _ in range(8):
            tokens = sorted(form.dims() & self.low.keys())
            if not tokens:
                return form
            step = next((s for t in tokens if (s := self._replace(form, t, largest)) is not None), None)
            if step is None:
                return None
            form = step
        return None

    def _replace(self, form: Size, token: str, largest: bool) -> Size | None:
        """``form``, linear in the token, at the end of the token's range that makes it extreme."""
        slope: list[tuple[tuple, int]] = []
        rest: list[tuple[tuple, int]] = []
        for monomial, coefficient in form.terms:
            count = monomial.count(token)
            if count > 1:
                return None
            if count:
                slope.append((tuple(f for f in monomial if f != token), coefficient))
            else:
                rest.append((monomial, coefficient))
        gradient = Size.collect(slope)
        if any(not self._nonnegative_factor(f) for m, _ in gradient.terms for f in m):
            return None
        if all(c >= 0 for _, c in gradient.terms):
            end = self.high[token] if largest else self.low[token]
        elif all(c <= 0 for _, c in gradient.terms):
            end = self.low[token] if largest else self.high[token]
        else:
            return None
        return Size.collect(rest) + gradient * end

    def _nonnegative_factor(self, factor: object) -> bool:
        low = self.low.get(factor) if isinstance(factor, str) else None
        return low is None or self._never_negative(low)

    def _never_negative(self, size: Size) -> bool:
        """Whether a polynomial in dims alone is nonnegative for all dims that the binders in sight allow."""
        least = self.least_dims()
        total = 0
        for monomial, coefficient in size.terms:
            if coefficient < 0 and monomial:
                return False
            product = coefficient
            for factor in monomial:
                product *= least.get(factor, 0) if isinstance(factor, str) else 0
            total += product
        return total >= 0

    def least_dims(self) -> dict[str, int]:
        """Least values of dims, from ``length ≥ 1`` for every binder in sight."""
        least: dict[str, int] = {}
        for binder in self.binders:
            for name, value in _least_from(binder.length):
                least[name] = max(least.get(name, 0), value)
        return least


def _least_from(length: Size) -> Iterable[tuple[str, int]]:
    """``c * n + k ≥ 1`` gives ``n ≥ ⌈(1 - k) / c⌉``."""
    terms = dict(length.terms)
    constant = terms.pop((), 0)
    if len(terms) != 1:
        return
    (monomial, coefficient), *_ = terms.items()
    if coefficient > 0 and len(monomial) == 1:
        bound = -(-(1 - constant) // coefficient)
        factor = monomial[0]
        if isinstance(factor, str):
            yield factor, bound
        elif bound >= 1:
            yield from _least_from(factor.numerator)


# ---------------------------------------------------------------- what a condition says


def facts_of(condition: Expr, bounds: Bounds, holds: bool = True) -> tuple[Size, ...]:
    """Forms that are ≥ 0 where ``condition`` holds (or, with ``holds`` False, where it does not)."""
    found: list[Size] = []
    pending = [(condition, holds)]
    while pending:
        part, true = pending.pop()
        match part:
            case Apply(atom="and", arguments=(a, b)) if true:
                pending += [(b, True), (a, True)]
            case Apply(atom="or", arguments=(a, b)) if not true:
                pending += [(b, False), (a, False)]
            case Apply(atom="not", arguments=(a,)):
                pending.append((a, not true))
            case Apply(atom=atom, arguments=(a, b)) if atom in _NEGATION:
                left, right = bounds.form(a), bounds.form(b)
                if left is not None and right is not None:
                    found += _comparison_facts(atom if true else _NEGATION[atom], left, right)
    return tuple(found)


def _combined(atom: str, parts: list[Size | None]) -> Size | None:
    """The form of an operator, of the forms of its operands."""
    known = [p for p in parts if p is not None]
    if len(known) != len(parts):
        return None
    match atom, known:
        case "add", [a, b]:
            return a + b
        case "subtract", [a, b]:
            return a - b
        case "multiply", [a, b]:
            return a * b
        case "negate", [a]:
            return ZERO - a
    return None


_NEGATION = {
    "less": "greater_equal",
    "less_equal": "greater",
    "greater": "less_equal",
    "greater_equal": "less",
    "equal": "not_equal",
    "not_equal": "equal",
}


def _comparison_facts(atom: str, left: Size, right: Size) -> tuple[Size, ...]:
    match atom:
        case "less":
            return (right - left - ONE,)
        case "less_equal":
            return (right - left,)
        case "greater":
            return (left - right - ONE,)
        case "greater_equal":
            return (left - right,)
        case "equal":
            return (left - right, right - left)
    return ()

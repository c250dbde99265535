"""Is the quadratic term of an objective known to be positive definite, or known to be singular?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from karush.compiler.dependence import Dependence
from karush.compiler.facts.fact import Fact
from karush.compiler.facts.linearity import is_affine
from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Constant,
    Expr,
    Model,
    Named,
    Reduce,
    Subscript,
    VarValue,
)


def is_strongly_convex(model: Model, facts: Mapping[Expr, Fact], dependence: Dependence) -> bool | None:
    """True where each var has a positive definite quadratic term of its own, False where a var has none at all.

    None where neither is seen. ``model`` is a convex problem; ``facts`` may lack nodes that a reduction made.
    """
    if model.objective is None:
        return None
    terms = _Terms(facts, dependence)
    sign = -1 if model.objective.sense == "maximize" else 1
    if set(terms.definite(model.objective.value, sign)) >= model.vars.keys():
        return True
    curved = frozenset().union(*(dependence.vars(term) for term in terms.curved(model.objective.value)))
    return None if curved >= model.vars.keys() else False


class _Terms:
    """The terms of a sum."""

    def __init__(self, facts: Mapping[Expr, Fact], dependence: Dependence):
        self._facts, self._dependence = facts, dependence

    def curved(self, expr: Expr) -> Iterator[Expr]:
        """The terms that may be other than affine."""
        pending, seen = [expr], {expr}
        while pending:
            term = pending.pop()
            fact = self._facts.get(term)
            if is_affine(term, self._dependence) or (fact is not None and fact.is_affine):
                continue
            parts = self._summands(term)
            if not parts:
                yield term
            pending += [part for part in parts if part not in seen]
            seen.update(parts)

    def _summands(self, expr: Expr) -> tuple[Expr, ...]:
        """What stands in for a term: the value of a let, the parts of a sum, the factors of a scaling."""
        match expr:
            case Named():
                return (expr.value,)
            case Apply(atom="add" | "subtract" | "negate"):
                return expr.arguments
            case Apply(atom="multiply" | "divide") if sum(bool(self._dependence.vars(a)) for a in expr.arguments) == 1:
                return expr.arguments
            case _:
                return ()

    def definite(self, expr: Expr, sign: int, binders: tuple[Binder, ...] = ()) -> Iterator[str]:
        """Names x of the terms ± c (x − d)ᵀP(x − d) with a positive definite P and the sign that makes them convex.

        ``binders`` are those of the sums around the terms, which then must hold every entry of x once.
        """
        pending, seen = [(expr, sign)], {(expr, sign)}
        while pending:
            term, here = pending.pop()
            parts = self._signed_summands(term, here)
            if parts is None:
                yield from self._positive(term, binders) if here > 0 else ()
                continue
            pending += [part for part in parts if part not in seen]
            seen.update(parts)

    def _signed_summands(self, expr: Expr, sign: int) -> list[tuple[Expr, int]] | None:
        """The parts of a sum or a scaling, each with its sign; None for a term that is neither."""
        match expr:
            case Named():
                return [(expr.value, sign)]
            case Apply(atom="add" | "subtract", arguments=(left, right)):
                return [(left, sign), (right, -sign if expr.atom == "subtract" else sign)]
            case Apply(atom="negate", arguments=(argument,)):
                return [(argument, -sign)]
            case Apply(atom="multiply" | "divide", arguments=(left, right)):
                pairs = ((left, right), (right, left))[: 1 if expr.atom == "divide" else 2]
                factors = [(part, self._sign(other)) for part, other in pairs]
                return [(part, sign * factor) for part, factor in factors if factor]
            case _:
                return None

    def _sign(self, expr: Expr) -> int:
        """1 or −1 for a constant known to be positive or negative, else 0."""
        fact = self._facts.get(expr)
        if fact is None or not fact.is_constant:
            return 0
        return 1 if fact.interval.is_positive else -1 if fact.interval.is_negative else 0

    def _positive(self, expr: Expr, binders: tuple[Binder, ...]) -> Iterator[str]:
        match expr:
            case Apply(atom="quad", arguments=(base, matrix)) if self._is_definite(matrix):
                yield from self._shifted(base, binders)
            case Apply(atom="matmul", arguments=(Apply(atom="matmul", arguments=(base, matrix)), other)):
                if self._is_definite(matrix) and set(self._shifted(base, binders)) == set(
                    self._shifted(other, binders)
                ):
                    yield from self._shifted(base, binders)
            case Apply(atom="matmul", arguments=(VarValue() as a, VarValue() as b)) if a.name == b.name:
                yield from self._shifted(a, binders)
            case Apply(atom="sum", arguments=(argument,)):
                yield from self.definite(argument, 1, binders)
            case Reduce(operator="sum", condition=None):
                yield from self.definite(expr.body, 1, (*binders, *expr.binders))
            case Apply(atom="power", arguments=(base, Constant(value=2))):
                yield from self._shifted(base, binders)
            case Apply(atom="square" | "squared" | "sumsq", arguments=(base,)):
                yield from self._shifted(base, binders)

    def _shifted(self, expr: Expr, binders: tuple[Binder, ...]) -> Iterator[str]:
        """The x of x itself, and of x ± d, −x, c x with a number c and a d without vars; of x[i, j] within sums."""
        inner: Expr | None = expr
        while inner is not None and not isinstance(inner, VarValue):
            if binders and _is_every_entry(inner, binders):
                assert isinstance(inner, Subscript) and isinstance(inner.value, VarValue)
                yield inner.value.name
                return
            inner = self._unshifted(inner)
        if inner is not None and not binders:
            yield inner.name

    def _unshifted(self, expr: Expr) -> Expr | None:
        varies = self._dependence.vars
        match expr:
            case Named():
                return expr.value
            case Apply(atom="negate", arguments=(argument,)):
                return argument
            case Apply(atom="add" | "subtract", arguments=(left, right)) if not varies(left) or not varies(right):
                part = left if varies(left) else right
                return part if part.shape == expr.shape else None
            case Apply(atom="multiply" | "divide", arguments=(part, Constant(value=c))) if c != 0:
                return part
            case Apply(atom="multiply", arguments=(Constant(value=c), part)) if c != 0:
                return part
            case _:
                return None

    def _is_definite(self, matrix: Expr) -> bool:
        fact = self._facts.get(matrix)
        return fact is not None and fact.spectrum is not None and fact.spectrum.is_positive


def _is_every_entry(expr: Expr, binders: tuple[Binder, ...]) -> bool:
    """Whether it is x[i, j] with just these binders, one for each axis of x and running through all of it."""
    if not isinstance(expr, Subscript) or not isinstance(expr.value, VarValue):
        return False
    used: list[Binder] = []
    for item, size in zip(expr.items, expr.value.shape, strict=True):
        if not isinstance(item, At) or not isinstance(item.index, BinderValue):
            return False
        binder = item.index.binder
        if binder.step != 1 or binder.start.terms or binder.length != size:
            return False
        used.append(binder)
    return len(used) == len(binders) and {id(binder) for binder in used} == {id(binder) for binder in binders}

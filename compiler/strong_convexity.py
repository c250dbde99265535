"""Is the quadratic term of an objective known to be positive definite in every var?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from karush.compiler.fact import Fact
from karush.compiler.model import Apply, Constant, Expr, Model, Named, VarValue


def is_strongly_convex(model: Model, facts: Mapping[Expr, Fact]) -> bool | None:
    """True where each var has a positive definite quadratic term of its own; None where that is not seen.

    ``model`` is a convex problem; ``facts`` may lack nodes that a reduction made.
    """
    if model.objective is None:
        return None
    sign = -1 if model.objective.sense == "maximize" else 1
    found = set(_vars_with_definite_term(model.objective.value, sign, facts))
    return True if found >= model.vars.keys() else None


def _vars_with_definite_term(expr: Expr, sign: int, facts: Mapping[Expr, Fact]) -> Iterator[str]:
    """Names x of the terms ± c xᵀPx of a sum with a positive definite P and the sign that makes them convex."""
    match expr:
        case Named():
            yield from _vars_with_definite_term(expr.value, sign, facts)
        case Apply(atom="add" | "subtract", arguments=(left, right)):
            yield from _vars_with_definite_term(left, sign, facts)
            yield from _vars_with_definite_term(right, -sign if expr.atom == "subtract" else sign, facts)
        case Apply(atom="negate", arguments=(argument,)):
            yield from _vars_with_definite_term(argument, -sign, facts)
        case Apply(atom="multiply" | "divide", arguments=(left, right)):
            for part, other in ((left, right), (right, left))[: 1 if expr.atom == "divide" else 2]:
                factor = _sign_of(other, facts)
                if factor:
                    yield from _vars_with_definite_term(part, sign * factor, facts)
        case _ if sign > 0:
            yield from _definite_in(expr, facts)


def _sign_of(expr: Expr, facts: Mapping[Expr, Fact]) -> int:
    """1 or −1 for a constant known to be positive or negative, else 0."""
    fact = facts.get(expr)
    if fact is None or not fact.is_constant:
        return 0
    return 1 if fact.interval.is_positive else -1 if fact.interval.is_negative else 0


def _definite_in(expr: Expr, facts: Mapping[Expr, Fact]) -> Iterator[str]:
    match expr:
        case Apply(atom="quad", arguments=(VarValue(name=name), matrix)):
            if _is_definite(matrix, facts):
                yield name
        case Apply(
            atom="matmul", arguments=(Apply(atom="matmul", arguments=(VarValue(name=a), matrix)), VarValue(name=b))
        ):
            if a == b and _is_definite(matrix, facts):
                yield a
        case Apply(atom="sumsq", arguments=(VarValue(name=name),)):
            yield name
        case Apply(atom="matmul", arguments=(VarValue(name=a), VarValue(name=b))) if a == b:
            yield a
        case Apply(atom="sum", arguments=(argument,)):
            yield from _square_of(argument)
        case _:
            yield from _square_of(expr)


def _square_of(expr: Expr) -> Iterator[str]:
    match expr:
        case Apply(atom="power", arguments=(VarValue(name=name), Constant(value=2))):
            yield name
        case Apply(atom="square" | "squared", arguments=(VarValue(name=name),)):
            yield name


def _is_definite(matrix: Expr, facts: Mapping[Expr, Fact]) -> bool:
    fact = facts.get(matrix)
    return fact is not None and fact.spectrum is not None and fact.spectrum.is_positive

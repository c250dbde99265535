"""Which params may hold ±infinity: those that serve as a bound and as nothing else.

A bound is the side of a chain in which no var occurs (``w <= cap``), or an argument of ``box`` of a var.
Infinity there means "no bound"; anywhere else it would meet arithmetic.
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.model import (
    Apply,
    At,
    Comprehension,
    DerivativeOf,
    DualValue,
    Expr,
    InlineProblem,
    InSet,
    Model,
    ModelField,
    Named,
    ParamValue,
    Reduce,
    Relation,
    Subscript,
    VarValue,
)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The expressions directly within an expression."""
    if isinstance(expr, Named):
        return (expr.value,)
    if isinstance(expr, Apply):
        return expr.arguments
    if isinstance(expr, Subscript):
        return (expr.value, *(item.index for item in expr.items if isinstance(item, At)))
    if isinstance(expr, Comprehension):
        return (expr.body,)
    if isinstance(expr, Reduce):
        return (expr.body,) if expr.condition is None else (expr.body, expr.condition)
    if isinstance(expr, ModelField):
        return tuple(expr.call.arguments.values())
    if isinstance(expr, InlineProblem):
        return (expr.body,)
    if isinstance(expr, DerivativeOf):
        return (expr.value, expr.wrt) if expr.direction is None else (expr.value, expr.wrt, expr.direction)
    return ()


def nodes(*roots: Expr) -> Iterator[Expr]:
    """Every expression within the roots, each once."""
    seen, waiting = set[int](), list(roots)
    while waiting:
        expr = waiting.pop()
        if id(expr) not in seen:
            seen.add(id(expr))
            yield expr
            waiting.extend(children(expr))


def params_in(*roots: Expr) -> frozenset[str]:
    """Names of the params that occur."""
    return frozenset(expr.name for expr in nodes(*roots) if isinstance(expr, ParamValue))


def decided(expr: Expr) -> bool:
    """Whether a var (or what depends on the solution) occurs."""
    return any(isinstance(e, VarValue | DualValue | ModelField | InlineProblem) for e in nodes(expr))


def bounding_params(model: Model) -> frozenset[str]:
    """The params in which ±infinity is meaningful."""
    bounds, other = set[str](), set[str]()
    for constraint in model.constraints:
        if isinstance(constraint, Relation):
            side, rest = split_chain(constraint)
            bounds |= params_in(*side)
            other |= params_in(*rest)
        elif isinstance(constraint, InSet):
            box = constraint.set.arguments if constraint.set.name == "box" else ()
            bounds |= params_in(*box)
            other |= params_in(constraint.value)
    for var in model.vars.values():
        if var.set is not None and var.set.name == "box":
            bounds |= params_in(*var.set.arguments)
    if model.objective is not None:
        other |= params_in(model.objective.value)
    return frozenset(bounds - other)


def split_chain(relation: Relation) -> tuple[list[Expr], list[Expr]]:
    """The operands that are sides without vars under an inequality, and all the others."""
    sides, rest = [], []
    last = len(relation.operands) - 1
    for place, operand in enumerate(relation.operands):
        at_end = place in (0, last)
        operator = relation.operators[0 if place == 0 else place - 1]
        is_side = at_end and operator != "==" and not decided(operand)
        (sides if is_side else rest).append(operand)
    if relation.condition is not None:
        rest.append(relation.condition)
    return sides, rest

"""Which params may hold ±infinity: those that serve directly as a bound and as nothing else.

A bound is a side of a chain of inequalities (``w <= cap``) or an argument of ``box`` of a var or row, and the param
stands there itself: as it is, negated, by entries, or in a clause of these. Infinity then means "no bound"; anywhere
else it would meet arithmetic. This agrees with what the compiler splits off before it lowers (infinities.py).
"""

from __future__ import annotations

from karush.compiler.dependence import walk
from karush.compiler.model import (
    Apply,
    Comprehension,
    Expr,
    InSet,
    Model,
    Named,
    ParamValue,
    Relation,
    SetUse,
    Subscript,
)


def params_in(*roots: Expr) -> frozenset[str]:
    """Names of the params that occur."""
    return frozenset(expr.name for expr in walk(*roots) if isinstance(expr, ParamValue))


def bounding_params(model: Model) -> frozenset[str]:
    """The params in which ±infinity is meaningful."""
    bounds, other = set[str](), set[str]()
    for side in sides_of(model):
        direct = direct_param(side)
        bounds |= direct
        other |= params_in(side) - direct
    other |= params_in(*elsewhere(model))
    return frozenset(bounds - other)


def direct_param(side: Expr) -> frozenset[str]:
    """The param that a side is, up to a sign and to which entries are taken; nothing for any other expression."""
    match side:
        case ParamValue(name=name):
            return frozenset({name})
        case Apply(atom="negate", arguments=(argument,)):
            return direct_param(argument)
        case Subscript(value=value):
            return direct_param(value)
        case Named(value=value) | Comprehension(body=value):
            return direct_param(value)
    return frozenset()


def boxes(model: Model) -> list[SetUse]:
    """The boxes of vars and of rows."""
    uses = [var.set for var in model.vars.values()]
    uses += [constraint.set for constraint in model.constraints if isinstance(constraint, InSet)]
    return [use for use in uses if use is not None and use.name == "box"]


def chain_ends(relation: Relation) -> list[Expr]:
    """The first and last operand of a chain of inequalities; none of an equation."""
    if "==" in relation.operators:
        return []
    return [relation.operands[0], relation.operands[-1]]


def sides_of(model: Model) -> list[Expr]:
    """Where a bound may stand."""
    sides = [argument for use in boxes(model) for argument in use.arguments]
    for constraint in model.constraints:
        if isinstance(constraint, Relation):
            sides += chain_ends(constraint)
    return sides


def elsewhere(model: Model) -> list[Expr]:
    """Where a param meets arithmetic: objective, lets, the other operands, conditions."""
    found = list(model.lets.values())
    if model.objective is not None:
        found.append(model.objective.value)
    for constraint in model.constraints:
        if isinstance(constraint, Relation):
            ends = chain_ends(constraint)
            found += [operand for operand in constraint.operands if operand not in ends]
        elif isinstance(constraint, InSet):
            found.append(constraint.value)
        if constraint.condition is not None:
            found.append(constraint.condition)
    return found

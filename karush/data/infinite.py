"""Which params may hold ±infinity: those that serve as a bound and as nothing else.

Infinity in a bound (a side of a chain of inequalities, an argument of ``box``) means "no bound"; anywhere else, also in
a let that is reported, it would meet arithmetic.
"""

from __future__ import annotations

from karush.compiler.dependence import walk
from karush.compiler.lowering import infinities
from karush.compiler.model import Expr, InSet, Model, ParamValue, Relation, VarValue


def params_in(*roots: Expr) -> frozenset[str]:
    """Names of the params that occur."""
    return frozenset(expr.name for expr in walk(*roots) if isinstance(expr, ParamValue))


def bounding_params(model: Model) -> frozenset[str]:
    """The params in which ±infinity is meaningful."""
    return infinities.bounding_params(model) - params_in(*elsewhere(model))


def elsewhere(model: Model) -> list[Expr]:
    """Where a param meets arithmetic: objective, lets, conditions, the operands that are no bound."""
    found = list(model.lets.values())
    if model.objective is not None:
        found.append(model.objective.value)
    for constraint in model.constraints:
        if isinstance(constraint, Relation):
            found += inner_operands(constraint)
        elif isinstance(constraint, InSet):
            found.append(constraint.value)
        if constraint.condition is not None:
            found.append(constraint.condition)
    return found


def inner_operands(relation: Relation) -> list[Expr]:
    """The operands that are no bound: all of an equation, those with vars, and those between the ends of a chain."""
    if "==" in relation.operators:
        return list(relation.operands)
    varying = [e for e in relation.operands if any(isinstance(node, VarValue) for node in walk(e))]
    return [*varying, *relation.operands[1:-1]]

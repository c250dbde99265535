"""Infinite bounds: which params may hold them, and the expression that says where a bound is infinite.

A param may hold ±∞ where it serves as a bound: it occurs in a side of a chain without vars, or in an argument of
``box``, and on the way to that side meets nothing but elementwise arithmetic and brackets. The lowered function works
with such a param where it is finite and with 0 elsewhere; the param as it was given is a second, raw one that carries
no derivative. The raw value of a side then says where it is no bound at all.
"""

from __future__ import annotations

from collections.abc import Iterable

from karush.compiler.dependence import children, walk
from karush.compiler.model import (
    Apply,
    Comprehension,
    Constant,
    Expr,
    InSet,
    Kind,
    Model,
    Named,
    ParamValue,
    Relation,
    SizeValue,
    Subscript,
    VarValue,
)
from karush.compiler.rewrite import Rewriter

RAW = "raw "
"""Prefix of the name under which a param stands as it was given."""

ELEMENTWISE = frozenset(("add", "subtract", "negate", "multiply", "divide", "concat", "stack"))


def raw_side(side: Expr, bounding: frozenset[str]) -> Expr | None:
    """The side in the raw params; None where no param that may be infinite occurs in it."""
    if not params_of(side) & bounding or not _is_elementary(side):
        return None

    def raw(node: Expr) -> Expr | None:
        if isinstance(node, ParamValue) and node.name in bounding:
            return ParamValue(RAW + node.name, shape=node.shape, span=node.span)
        return None

    return Rewriter(raw).expression(side)


def bounding_params(model: Model) -> frozenset[str]:
    """Names of the params that may hold ±∞."""
    sides = [side for side in _sides(model) if _is_elementary(side)]
    return frozenset().union(*map(params_of, sides))


def params_of(expr: Expr) -> frozenset[str]:
    """The real params that occur."""
    return frozenset(n.name for n in walk(expr) if isinstance(n, ParamValue) and n.kind is Kind.REAL)


def _is_elementary(side: Expr) -> bool:
    match side:
        case ParamValue() | Constant() | SizeValue():
            return True
        case Subscript():
            return _is_elementary(side.value)
        case Named() | Comprehension():
            return all(map(_is_elementary, children(side)))
        case Apply():
            return side.atom in ELEMENTWISE and all(map(_is_elementary, side.arguments))
        case _:
            return False


def _sides(model: Model) -> Iterable[Expr]:
    for constraint in model.constraints:
        match constraint:
            case Relation():
                if "==" not in constraint.operators:
                    ends = (constraint.operands[0], constraint.operands[-1])
                    yield from (end for end in ends if not any(isinstance(n, VarValue) for n in walk(end)))
            case InSet(set=use) if use.name == "box":
                yield from use.arguments
    for var in model.vars.values():
        if var.set is not None and var.set.name == "box":
            yield from var.set.arguments

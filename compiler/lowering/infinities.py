"""Infinite bounds: which params may hold them, and the expression that says where a bound is infinite.

A param may hold ±∞ where it serves as a bound and as nothing else: it occurs in sides of chains without vars, or in
arguments of ``box``, and on the way to the side meets nothing but elementwise arithmetic and brackets. Anywhere else,
also in a let that is reported, an infinity would meet arithmetic. The lowered function works with such a param where it
is finite and with 0 elsewhere; the param as it was given is a second, raw one that carries no derivative. The raw value
of a side then says where it is no bound at all.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from karush.compiler.dependence import Dependence, children, roots_of, walk
from karush.compiler.facts.loglog import asks_for_logarithms
from karush.compiler.model import (
    Apply,
    Comprehension,
    Constant,
    Constraint,
    Expr,
    InSet,
    Kind,
    Model,
    Named,
    ParamValue,
    Relation,
    SizeValue,
    Subscript,
)
from karush.compiler.nested import calls_below
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
    """Names of the params that may hold ±∞: what the data are checked by, and what lowering splits.

    None in a geometric program: there the bounds are logarithms.
    """
    if asks_for_logarithms(model):
        return frozenset()
    dependence = Dependence()
    sides = [side for side in _sides(model, dependence) if _is_elementary(side)]
    handed = _handed_on(model)
    found = params_of(*sides) | frozenset(handed.values())
    found -= params_of(*_elsewhere(model, dependence), but=handed.keys())
    kept = _without_dependents(model, found)
    while kept != found:
        found, kept = kept, _without_dependents(model, kept)
    return found


def _without_dependents(model: Model, names: frozenset[str]) -> frozenset[str]:
    """Less those in the default of a param that may not be infinite, or may not become so entry by entry."""
    defaults = [p for p in model.params.values() if p.default is not None]
    closed = [p.default for p in defaults if p.default and (p.name not in names or not _is_elementary(p.default))]
    return names - params_of(*closed)


def params_of(*exprs: Expr, but: Container[Expr] = ()) -> frozenset[str]:
    """The real params that occur, some leaves apart."""
    leaves = (n for n in walk(*exprs) if isinstance(n, ParamValue) and n.kind is Kind.REAL)
    return frozenset(leaf.name for leaf in leaves if leaf not in but)


def _handed_on(model: Model) -> dict[Expr, str]:
    """The leaves that an inner model takes as they are and uses as bounds alone, and the names of their params."""
    return {
        argument: argument.name
        for call in calls_below(*roots_of(model))
        for name, argument in call.arguments.items()
        if isinstance(argument, ParamValue) and name in bounding_params(call.model)
    }


def _is_elementary(side: Expr) -> bool:
    pending, seen = [side], {side}
    while pending:
        below: tuple[Expr, ...] = ()
        match pending.pop():
            case ParamValue() | Constant() | SizeValue():
                continue
            case Subscript(value=value):
                below = (value,)
            case Named() | Comprehension() as node:
                below = children(node)
            case Apply(atom=atom, arguments=arguments) if atom in ELEMENTWISE:
                below = arguments
            case _:
                return False
        pending += [part for part in below if part not in seen]
        seen.update(below)
    return True


def _sides(model: Model, dependence: Dependence) -> Iterator[Expr]:
    for constraint in model.constraints:
        match constraint:
            case Relation():
                yield from (constraint.operands[k] for k in _ends(constraint, dependence))
            case InSet(set=use) if use.name == "box":
                yield from use.arguments
    for var in model.vars.values():
        if var.set is not None and var.set.name == "box":
            yield from var.set.arguments


def _ends(relation: Relation, dependence: Dependence) -> tuple[int, ...]:
    """The places of the operands that are bounds: the ends of a chain of inequalities, where they have no vars."""
    if "==" in relation.operators:
        return ()
    ends = (0, len(relation.operands) - 1)
    return tuple(k for k in ends if not dependence.vars(relation.operands[k]))


def _elsewhere(model: Model, dependence: Dependence) -> Iterator[Expr]:
    """Where a param meets arithmetic: objective, lets, conditions, operands and divisors that are no bound."""
    yield from model.lets.values()
    if model.objective is not None:
        yield model.objective.value
    for constraint in model.constraints:
        yield from _within(constraint, dependence)
    for var in model.vars.values():
        if var.start is not None:
            yield var.start
        if var.set is not None and var.set.name != "box":
            yield from var.set.arguments
    sides = list(_sides(model, dependence))
    yield from (side for side in sides if not _is_elementary(side))
    yield from (n.arguments[1] for n in walk(*sides) if isinstance(n, Apply) and n.atom == "divide")


def _within(constraint: Constraint, dependence: Dependence) -> Iterator[Expr]:
    """The expressions of a constraint other than its bounds."""
    if constraint.condition is not None:
        yield constraint.condition
    match constraint:
        case Relation():
            ends = _ends(constraint, dependence)
            yield from (operand for k, operand in enumerate(constraint.operands) if k not in ends)
        case InSet():
            yield constraint.value
            if constraint.set.name != "box":
                yield from constraint.set.arguments

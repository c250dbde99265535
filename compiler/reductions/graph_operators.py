"""Graph forms of what the language writes without a name: powers, and ``max min logsumexp`` over a clause.

max(e for i in n)          min { t : e <= t for i in n }
logsumexp(e for i in n)    min { t : Σ u[i] <= 1, (e - t, 1, u[i]) in exp_cone }
x^p, 0 < p < 1             max { t : (x, 1, t) in pow_cone(p) }
x^p, p > 1                 min { t : (t, 1, x) in pow_cone(1/p) },  and x >= 0 unless p is even
x^p, p < 0                 min { t : (x, t, 1) in pow_cone(p/(p - 1)) }
c^x                        min { t : (x log c, 1, t) in exp_cone }
c / x                      c · min { t : t >= 1/x }
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.library import Library
from karush.compiler.model import (
    Apply,
    Binder,
    Constant,
    Constraint,
    Expr,
    InSet,
    Kind,
    Reduce,
    Relation,
    SetUse,
    Var,
    VarValue,
)
from karush.compiler.reductions.entries import entry, entry_binders, places
from karush.compiler.reductions.graph import GraphExpansion, entries_of, expand_graph
from karush.dsl.source import Span
from karush.stdlib.lattice import Interval
from karush.stdlib.shape import SCALAR, Shape, Size


@dataclass(frozen=True)
class Position:
    """Where a node stands: the binders it moves with, the filter over them, and the prefix of its new vars."""

    binders: tuple[Binder, ...]
    condition: Expr | None
    prefix: str
    library: Library

    def var(self, name: str, axes: tuple[Binder, ...], shape: Shape, span: Span) -> Var:
        """A new var with axes for these binders."""
        return Var(self.prefix + name, (*(b.length for b in axes), *shape), None, None, span)


def both(a: Expr | None, b: Expr | None) -> Expr | None:
    """Both filters; None stands for one that always holds."""
    if a is None or b is None:
        return b if a is None else a
    return Apply("and", (a, b), shape=SCALAR, kind=Kind.BOOLEAN, span=a.span)


def whole(var: Var) -> VarValue:
    """A var in use."""
    return VarValue(var.name, shape=var.shape, span=var.span)


def fixed(
    var: Var, binders: tuple[Binder, ...], condition: Expr | None, within: Expr | None = None
) -> list[Constraint]:
    """The var is 0 where the filter leaves out what it stands for (but ``within`` does not), so that it cannot move."""
    if condition is None:
        return []
    absent = both(Apply("not", (condition,), shape=SCALAR, kind=Kind.BOOLEAN, span=var.span), within)
    value = entries_of(whole(var), binders, var.shape[len(binders) :])
    return [Relation(None, binders, absent, (value, _number(0.0, var.span)), ("==",), var.span)]


# ---------------------------------------------------------------- clauses


def expand_extreme(node: Reduce, body: Expr, at: Position) -> GraphExpansion:
    """``max(e for i in n if c)``; ``min`` likewise."""
    var = at.var("t", at.binders, node.shape, node.span)
    value = entries_of(whole(var), at.binders, node.shape)
    operator = "<=" if node.operator == "max" else ">="
    condition = both(at.condition, node.condition)
    row = Relation(None, (*at.binders, *node.binders), condition, (body, value), (operator,), node.span)
    return GraphExpansion((var,), (row,), value, "minimize" if node.operator == "max" else "maximize")


def expand_logsumexp(node: Reduce, body: Expr, at: Position) -> GraphExpansion:
    """``logsumexp(e for i in n if c)``."""
    span, inside = node.span, (*at.binders, *node.binders)
    bound = at.var("t", at.binders, node.shape, span)
    share = at.var("u", inside, node.shape, span)
    value = entries_of(whole(bound), at.binders, node.shape)
    shares = entries_of(whole(share), inside, node.shape)
    total = Reduce("sum", node.binders, node.condition, shares, shape=node.shape, span=span)
    condition = both(at.condition, node.condition)
    shifted = Apply("subtract", (body, value), shape=node.shape, span=span)
    each = entry_binders(node.shape)
    items = places(each, span)
    triple = (entry(shifted, items, at.library), _number(1.0, span), entry(shares, items, at.library))
    rows = (
        Relation(None, at.binders, at.condition, (total, _number(1.0, span)), ("<=",), span),
        _cone("exp_cone", triple, (*inside, *each), condition, span),
        *fixed(share, inside, node.condition, at.condition),
    )
    return GraphExpansion((bound, share), rows, value, "minimize")


# ---------------------------------------------------------------- powers


def expand_power(
    node: Apply, base: Expr, exponent: Expr, facts: tuple[Interval, Interval], at: Position
) -> GraphExpansion:
    """``base ^ exponent`` entry by entry; ``facts`` are the intervals of base and exponent."""
    for name, number in (("sqrt", 0.5), ("inv_pos", -1.0)):
        atom = at.library.atom(name)
        if atom is not None and facts[1].value == number:
            return expand_graph(atom, (base,), at.binders, at.condition, at.prefix, at.library)
    span, each = node.span, entry_binders(node.shape)
    items, binders = places(each, span), (*at.binders, *each)
    var = at.var("t", at.binders, node.shape, span)
    value = entries_of(whole(var), at.binders, node.shape)
    x, p, t = (entry(part, items, at.library) for part in (base, exponent, value))
    one = _number(1.0, span)

    def row(triple: tuple[Expr, ...], alpha: Expr) -> InSet:
        return _cone("pow_cone", triple, binders, at.condition, span, alpha)

    interval = facts[1]
    if interval.lower >= 1:
        rows: list[Constraint] = [row((t, one, x), _divided(one, p))]
        even = interval.value is not None and interval.value % 2 == 0
        if not even and not facts[0].is_nonnegative:
            rows.append(Relation(None, binders, at.condition, (x, _number(0.0, span)), (">=",), span))
        return GraphExpansion((var,), tuple(rows), value, "minimize")
    if interval.upper <= 0:
        below = Apply("subtract", (p, one), shape=SCALAR, span=span)
        return GraphExpansion((var,), (row((x, t, one), _divided(p, below)),), value, "minimize")
    return GraphExpansion((var,), (row((x, one, t), p),), value, "maximize")


def expand_quotient(node: Apply, dividend: Expr, divisor: Expr, at: Position) -> GraphExpansion:
    """``c / x`` as c times the reciprocal of x > 0."""
    atom = at.library.atom("inv_pos")
    assert atom is not None
    found = expand_graph(atom, (divisor,), at.binders, at.condition, at.prefix, at.library)
    return replace(found, value=Apply("multiply", (dividend, found.value), shape=node.shape, span=node.span))


def expand_exponential(node: Apply, base: Expr, exponent: Expr, at: Position) -> GraphExpansion:
    """``c ^ x`` entry by entry."""
    span, each = node.span, entry_binders(node.shape)
    items, binders = places(each, span), (*at.binders, *each)
    var = at.var("t", at.binders, node.shape, span)
    value = entries_of(whole(var), at.binders, node.shape)
    c, x, t = (entry(part, items, at.library) for part in (base, exponent, value))
    slope = Apply("log", (c,), shape=SCALAR, span=span)
    power = Apply("multiply", (slope, x), shape=SCALAR, span=span)
    row = _cone("exp_cone", (power, _number(1.0, span), t), binders, at.condition, span)
    return GraphExpansion((var,), (row,), value, "minimize")


def _divided(a: Expr, b: Expr) -> Expr:
    return Apply("divide", (a, b), shape=SCALAR, span=b.span)


def _number(value: float, span: Span) -> Constant:
    return Constant(value, shape=SCALAR, span=span)


def _cone(
    name: str,
    triple: tuple[Expr, ...],
    binders: tuple[Binder, ...],
    condition: Expr | None,
    span: Span,
    *arguments: Expr,
) -> InSet:
    value = Apply("stack", triple, shape=(Size.constant(len(triple)),), span=span)
    return InSet(None, binders, condition, value, SetUse(name, arguments, span), span)

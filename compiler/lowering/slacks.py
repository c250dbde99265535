"""Slacks: how far each labelled constraint is from binding at a point, by the model's own expressions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.cone_families import ConeFamily
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.infinities import raw_side
from karush.compiler.lowering.recover import Entries, put
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Expr


def slacks(
    families: Iterable[Family],
    bounds: Iterable[Bound],
    cones: Iterable[ConeFamily],
    evaluator: Evaluator,
    scope: Scope,
    bounding: frozenset[str],
) -> Entries:
    """By label: ``upper − row`` and ``row − lower``, ∞ where there is no such side; ``rhs − row`` for equations.

    Of ``e in K`` it is e, a point of K. Rows that a filter leaves out have 0.
    """
    found: Entries = {}
    for family in families:
        if family.label is None:
            continue
        for part, sign, side in _parts(family):
            put(found, family.label, part, _slack(family, sign, side, evaluator, scope, bounding))
    for bound in bounds:
        value = scope.inputs.vars[bound.var.name]
        for part, sign, side in _parts(bound):
            gap = sign * (evaluator.value(side, scope) - value)
            put(found, bound.var.name, part, _unbounded(gap, side, evaluator, scope, bounding))
    for cone in cones:
        put(found, cone.label, None, _point(cone, evaluator, scope))
    return found


def _point(family: ConeFamily, evaluator: Evaluator, scope: Scope) -> Array:
    shape, dtype = scope.inputs.shape(family.value.shape), scope.inputs.dtype

    def run(inner: Scope) -> Array:
        return jnp.broadcast_to(jnp.asarray(evaluator.value(family.value, inner), dtype), shape)

    return evaluator.clauses.lanes(scope, family.binders, family.expressions, _where(family, evaluator, run))


def _where(
    family: Family | ConeFamily, evaluator: Evaluator, run: Callable[[Scope], Array]
) -> Callable[[Scope], Array]:
    """The same with 0 where the filter leaves a position out."""

    def kept(inner: Scope) -> Array:
        if family.condition is None:
            return run(inner)
        holds = jnp.asarray(evaluator.value(family.condition, inner))
        return jnp.where(holds, run(inner.guarded(holds)), 0)

    return kept


def _parts(item: Family | Bound) -> list[tuple[str | None, int, Expr]]:
    """(part of the entry, sign, side): the slack is sign · (side − row)."""
    if isinstance(item, Family) and item.rhs is not None:
        return [(None, item.direction, item.rhs)]
    both = item.lower is not None and item.upper is not None
    entry = item.entry if isinstance(item, Family) else None
    sides = (("lower", -1, item.lower), ("upper", 1, item.upper))
    return [(part if both else entry, sign, side) for part, sign, side in sides if side is not None]


def _slack(
    family: Family, sign: int, side: Expr, evaluator: Evaluator, scope: Scope, bounding: frozenset[str]
) -> Array:
    shape, dtype = scope.inputs.shape(family.inner_shape), scope.inputs.dtype

    def run(inner: Scope) -> Array:
        row = evaluator.value(family.minuend, inner)
        if family.subtrahend is not None:
            row = row - evaluator.value(family.subtrahend, inner)
        gap = sign * (evaluator.value(side, inner) - row)
        gap = jnp.asarray(_unbounded(gap, side, evaluator, inner, bounding), dtype)
        return jnp.broadcast_to(gap, shape)

    extra = raw_side(side, bounding)
    bodies = family.expressions if extra is None else (*family.expressions, extra)
    return evaluator.clauses.lanes(scope, family.binders, bodies, _where(family, evaluator, run))


def _unbounded(gap: Any, side: Expr, evaluator: Evaluator, scope: Scope, bounding: frozenset[str]) -> Any:
    raw = raw_side(side, bounding)
    return gap if raw is None else jnp.where(jnp.isinf(evaluator.value(raw, scope)), jnp.inf, gap)

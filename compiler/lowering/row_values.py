"""The numbers of a family of rows: its matrix, its sides, and which of them are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.affine import Affine, AffineForms
from karush.compiler.lowering.affine_blocks import Sizes, expand, size_of
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.infinities import raw_side
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Expr


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Side:
    """One side of rows: the values, and where they are there (None: everywhere)."""

    value: Array
    present: Array | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Rows:
    """Rows ``matrix`` (R, n), dense or sparse, with their sides (R,); the right-hand side of equations is ``lower``."""

    matrix: Any
    lower: Side | None
    upper: Side | None


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lane:
    """A family at one position of its clause, or (after it) at all of them."""

    form: Affine
    lower: Side | None
    upper: Side | None
    keep: Array | None


@dataclass(frozen=True, eq=False)
class RowValues:
    """Computes families for vars laid out in x; ``bounding`` are the params that may be infinite."""

    forms: AffineForms
    layout: Layout
    bounding: frozenset[str]

    def rows(self, family: Family, scope: Scope) -> Rows:
        """The rows of a family."""
        shape, dtype = scope.inputs.shape(family.shape), scope.inputs.dtype
        lane = self.lane_of(family, scope)
        number = size_of(shape)
        parts: dict[str, Array | None] = {
            name: expand(block, shape, dtype).reshape((number, self.layout.sizes[name]))
            for name, block in lane.form.blocks.items()
        }
        matrix = self.layout.join(parts, 1, (number,), dtype)
        keep = None if lane.keep is None else spread(lane.keep, shape)
        if keep is not None:
            matrix = jnp.where(keep[:, None], matrix, 0)
        return Rows(matrix, flat_side(lane.lower, keep, family), flat_side(lane.upper, keep, family))

    def lane_of(self, family: Family, scope: Scope) -> Lane:
        """A family at all positions of its clause."""
        raws = {side: raw_side(side, self.bounding) for side in (family.lower, family.upper) if side is not None}
        bodies = (*family.expressions, *(raw for raw in raws.values() if raw is not None))

        def run(inner: Scope) -> Lane:
            return self._lane(family, raws, inner)

        found: Lane = self.forms.lanes(scope, family.binders, bodies, run) if family.binders else run(scope)
        return found

    def bound(self, bound: Bound, scope: Scope, *, upper: bool) -> Side | None:
        """The lower or the upper bound of a var, over its entries in order; None where there is none."""
        side = bound.upper if upper else bound.lower
        if side is None:
            return None
        shape = scope.inputs.shape(bound.var.shape)
        value = self._side(side, raw_side(side, self.bounding), None, shape, scope, upper=upper)
        present = None if value.present is None else value.present.reshape(-1)
        return Side(value.value.reshape(-1), present)

    # ------------------------------------------------------------ one position of a clause

    def _lane(self, family: Family, raws: dict[Expr, Expr | None], scope: Scope) -> Lane:
        inputs = scope.inputs
        shape = inputs.shape(family.inner_shape)
        keep: Any = None
        if family.condition is not None:
            keep = self.forms.evaluator.value(family.condition, scope)
            if not is_number(keep) and not all(map(scope.dependence.regular, family.expressions)):
                scope = scope.guarded(keep)
            keep = jnp.asarray(keep)
        form = self._row(family, shape, scope)
        sides: list[Side | None] = []
        for side, upper in ((family.rhs or family.lower, False), (family.upper, True)):
            if side is None:
                sides.append(None)
            else:
                sides.append(self._side(side, raws.get(side), form.constant, shape, scope, upper=upper))
        bare = Affine(None, form.blocks)
        if family.binders:
            bare = self.forms.leaving(bare, shape, scope)
        return Lane(bare, sides[0], sides[1], keep)

    def _row(self, family: Family, shape: Sizes, scope: Scope) -> Affine:
        dtype = scope.inputs.dtype

        def form(expr: Expr) -> Affine:
            found = self.forms.form(expr, scope)
            return self.forms.widened(found, scope.inputs.shape(expr.shape), shape, dtype)

        row = form(family.minuend)
        if family.subtrahend is None:
            return row
        return self.forms.total(row, self.forms.negative(form(family.subtrahend)), shape, dtype)

    def _side(self, side: Expr, raw: Expr | None, constant: Any, shape: Sizes, scope: Scope, *, upper: bool) -> Side:
        """side − constant. An infinity that nothing can meet (``x <= -inf``), and ∞ − ∞, are NaN."""
        evaluator, dtype = self.forms.evaluator, scope.inputs.dtype
        value = evaluator.value(side, scope)
        value = value if constant is None else value - constant
        value = jnp.broadcast_to(jnp.asarray(value, dtype), shape)
        if raw is None:
            return Side(value, None)
        given = jnp.broadcast_to(jnp.asarray(evaluator.value(raw, scope), dtype), shape)
        nowhere = jnp.inf if upper else -jnp.inf
        return Side(jnp.where((given == -nowhere) | jnp.isnan(given), jnp.nan, value), given != nowhere)


def spread(keep: Array, shape: Sizes) -> Array:
    """A condition by position of the clause as one by row."""
    return jnp.broadcast_to(keep.reshape((*keep.shape, *(1 for _ in shape[keep.ndim :]))), shape).reshape(-1)


def flat_side(side: Side | None, keep: Array | None, family: Family) -> Side | None:
    """A side by row; rows that the filter leaves out have none, and an equation among them says 0 = 0."""
    if side is None:
        return None
    value = side.value.reshape(-1)
    present = None if side.present is None else side.present.reshape(-1)
    if keep is None:
        return Side(value, present)
    value = jnp.where(keep, value, 0)
    if family.is_equality:
        return Side(value, None)
    return Side(value, keep if present is None else keep & present)


def filled_side(parts: list[tuple[Side | None, Sizes]], dtype: Any) -> Side | None:
    """Sides one after the other; None where none is there at all, and no mask where all are."""
    if all(side is None for side, _ in parts):
        return None
    values = [jnp.zeros(shape, dtype) if side is None else side.value for side, shape in parts]
    masked = any(side is None or side.present is not None for side, _ in parts)
    present = [_presence(side, shape) for side, shape in parts] if masked else []
    if len(parts) == 1:
        return Side(values[0], present[0] if present else None)
    return Side(jnp.concatenate(values), jnp.concatenate(present) if present else None)


def _presence(side: Side | None, shape: Sizes) -> Array:
    if side is None:
        return jnp.zeros(shape, bool)
    return jnp.ones(shape, bool) if side.present is None else side.present

"""The numbers of a family of cones in a sparse program: F as entries, and g; see cone_values.py for what they say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.cone_families import ConeFamily, Conic, Stack
from karush.compiler.lowering.cone_values import interior
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.pieces import Sizes
from karush.compiler.lowering.row_values import Rows, Side, spread
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.sparse_affine import SparseForms
from karush.compiler.lowering.sparse_rows import matrix_of, stacked
from karush.compiler.lowering.sparse_values import coordinates, from_entries
from karush.compiler.lowering.symmetric import triangle, triangular, unpacking
from karush.solvers.forms.cones import ConeRows, Cones


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Lane:
    """A family at one position of its clause, or (after it) at all of them."""

    form: Affine
    exponent: Array | None
    keep: Array | None


@dataclass(frozen=True)
class SparseCones:
    """``rows`` (count · d, n) x + ``offset`` in the cones one after the other; ``skew`` says what is symmetric."""

    rows: BCOO
    offset: Array
    exponents: Array | None
    skew: Rows | None


@dataclass(frozen=True, eq=False)
class SparseConeValues:
    """Computes families of cones as entries over a layout's variables."""

    forms: SparseForms
    layout: Layout

    def cones(self, family: ConeFamily, scope: Scope) -> SparseCones:
        """All cones of a family."""
        inputs = scope.inputs
        axes, inner = inputs.shape(family.axes), inputs.shape(family.value.shape)
        shape = (*axes, *inner)

        def run(at: Scope) -> Lane:
            return self._lane(family, inner, at)

        lane: Lane = self.forms.lanes(scope, family.binders, family.expressions, run) if axes else run(scope)
        keep = None if lane.keep is None else jnp.broadcast_to(lane.keep, axes)
        matrix = matrix_of(lane.form, shape, self.layout, inputs.dtype, None if keep is None else spread(keep, shape))
        constant = 0.0 if lane.form.constant is None else lane.form.constant
        offset = jnp.broadcast_to(jnp.asarray(constant, inputs.dtype), shape).reshape(sparse.size_of(axes), -1)
        skew = None
        if family.kind == "semidefinite":
            order = inner[-1]
            skew = skew_rows(matrix, offset, order, keep) if family.has_equations else None
            matrix, offset = semidefinite(matrix, offset, order)
        exponents = None if lane.exponent is None else jnp.broadcast_to(lane.exponent, axes).reshape(-1)
        if keep is not None:
            inside = jnp.asarray(interior(family.kind, offset.shape[1]), inputs.dtype)
            offset = jnp.where(keep.reshape(-1, 1), offset, inside)
            exponents = None if exponents is None else jnp.where(keep.reshape(-1), exponents, 0.5)
        return SparseCones(matrix, offset.reshape(-1), exponents, skew)

    def _lane(self, family: ConeFamily, inner: Sizes, scope: Scope) -> Lane:
        evaluator, dtype = self.forms.evaluator, scope.inputs.dtype
        keep = None
        if family.condition is not None:
            holds = evaluator.value(family.condition, scope)
            if not is_number(holds) and not all(map(scope.dependence.regular, family.expressions)):
                scope = scope.guarded(holds)
            keep = jnp.asarray(holds)
        form = self.forms.form(family.value, scope)
        if family.binders:
            form = self.forms.leaving(form, inner, scope)
        exponent = None
        if family.exponent is not None:
            given = jnp.asarray(evaluator.value(family.exponent, scope), dtype)
            # outside of [0, 1] there is no such cone: the solve fails, as on any NaN in the data
            exponent = jnp.where((given >= 0) & (given <= 1), given, jnp.nan)
        return Lane(form, exponent, keep)


def cone_rows(stacks: Sequence[Stack], cones: Mapping[Conic, SparseCones], columns: int, dtype: Any) -> ConeRows | None:
    """All cones, those of each stack together; None where there is none."""
    stacks = [stack for stack in stacks if sum(stack.counts) * stack.dimension]
    if not stacks:
        return None
    ordered = [cones[family] for stack in stacks for family in stack.families]
    exponents = [cone.exponents for cone in ordered if cone.exponents is not None]
    return ConeRows(
        matrix=stacked([Rows(cone.rows, None, None) for cone in ordered], columns, dtype).matrix,
        offset=jnp.concatenate([cone.offset for cone in ordered]),
        exponents=jnp.concatenate(exponents) if exponents else jnp.zeros((0,), dtype),
        cones=tuple(Cones(stack.kind, stack.dimension, sum(stack.counts)) for stack in stacks),
    )


# ---------------------------------------------------------------- symmetric matrices


def _moved(matrix: BCOO, places: np.ndarray, factors: np.ndarray, count: int) -> BCOO:
    """The rows of raveled matrices, one after the other, at other places times factors: ``count`` for each matrix.

    A place −1 is none. Entries that meet are added up.
    """
    rows, columns = coordinates(matrix)
    width = places.size
    inside = rows < matrix.shape[0]
    number, entry = jnp.where(inside, rows // width, 0), jnp.where(inside, rows % width, 0)
    place = jnp.asarray(places, rows.dtype)[entry]
    height = matrix.shape[0] // width * count
    target = jnp.where(inside & (place >= 0), number * count + place, height)
    values = jnp.where(target < height, matrix.data * jnp.asarray(factors, matrix.dtype)[entry], 0)
    columns = jnp.where(target < height, columns, matrix.shape[1])
    return from_entries(target, columns, values, (height, matrix.shape[1]), unique=False)


def semidefinite(matrix: BCOO, offset: Array, order: int) -> tuple[BCOO, Array]:
    """svec of the symmetric parts of matrices, from the rows and numbers of their raveled entries."""
    below, above, weights = triangle(order)
    factors = np.full((order, order), np.sqrt(0.5))
    np.fill_diagonal(factors, 1.0)
    rows = _moved(matrix, unpacking(order).reshape(-1), factors.reshape(-1), triangular(order))
    half = jnp.asarray(weights / 2, offset.dtype)
    return rows, half * (offset[:, below] + offset[:, above])


def skew_rows(matrix: BCOO, offset: Array, order: int, keep: Array | None) -> Rows:
    """Equations that say that matrices are symmetric, for each entry below the diagonal; 0 = 0 for what is rounding."""
    i, j = np.indices((order, order))
    high, low = np.maximum(i, j), np.minimum(i, j)
    places = np.where(i == j, -1, high * (high - 1) // 2 + low).reshape(-1)
    signs = np.sign(i - j).astype(float).reshape(-1)
    count = triangular(order) - order
    noise = 32 * jnp.finfo(offset.dtype).eps
    rows = _moved(matrix, places, signs, count)
    sizes = _moved(BCOO((jnp.abs(matrix.data), matrix.indices), shape=matrix.shape), places, np.abs(signs), count)
    data = jnp.where(jnp.abs(rows.data) > noise * sizes.data, rows.data, 0)
    below, above, _ = triangle(order)
    proper = below != above
    one, other = offset[:, below[proper]], offset[:, above[proper]]
    number = jnp.where(jnp.abs(one - other) > noise * (jnp.abs(one) + jnp.abs(other)), one - other, 0)
    if keep is not None:
        number = jnp.where(keep.reshape(-1, 1), number, 0)
    kept = BCOO((data, rows.indices), shape=rows.shape, indices_sorted=True, unique_indices=True)
    return Rows(kept, Side(-number.reshape(-1), None), None)

"""The numbers of a family of cones: F and g, one cone for every position of the clause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.compiler.lowering.affine import Affine, AffineForms
from karush.compiler.lowering.affine_blocks import Sizes, expand, size_of
from karush.compiler.lowering.cone_families import ConeFamily, Conic, Stack
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.row_values import Rows, Side
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.symmetric import order_of, triangle
from karush.compiler.model import Binder
from karush.solvers.forms.cones import ConeKind, ConeRows, Cones


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Cone:
    """``matrix`` (d, n) x + ``offset`` (d,) in a cone, and after a clause the same for all its positions in front.

    ``exponent`` () is that of a power cone. ``skew_matrix`` x + ``skew_offset`` = 0, of n(n − 1)/2 rows, says that a
    matrix is symmetric; None where nothing has to.
    """

    matrix: Array
    offset: Array
    exponent: Array | None = None
    skew_matrix: Array | None = None
    skew_offset: Array | None = None


@dataclass(frozen=True, eq=False)
class ConeValues:
    """Computes families of cones for vars laid out in x."""

    forms: AffineForms
    layout: Layout

    def cones(self, family: ConeFamily, scope: Scope) -> Cone:
        """The rows of a family: (count, d, n), (count, d), (count,)."""

        def run(inner: Scope) -> Cone:
            return self._kept(family, inner)

        return self.flat(self.forms.lanes(scope, family.binders, family.expressions, run), family.binders, scope)

    @staticmethod
    def flat(found: Cone, binders: Sequence[Binder], scope: Scope) -> Cone:
        """The cones of all positions of a clause, one axis for all binders."""
        count = size_of(tuple(scope.inputs.size(binder.length) for binder in binders))
        return jax.tree.map(lambda part: part.reshape((count, *part.shape[len(binders) :])), found)

    def _kept(self, family: ConeFamily, scope: Scope) -> Cone:
        """One cone; where the filter leaves it out, zeros and a point inside."""
        if family.condition is None:
            return self._cone(family, scope)
        holds = self.forms.evaluator.value(family.condition, scope)
        if not is_number(holds) and not all(map(scope.dependence.regular, family.expressions)):
            scope = scope.guarded(holds)
        return kept(self._cone(family, scope), family.kind, holds)

    def _cone(self, family: ConeFamily, scope: Scope) -> Cone:
        inputs = scope.inputs
        shape = inputs.shape(family.value.shape)
        matrix, offset = self.dense(self.forms.form(family.value, scope), shape, inputs.dtype)
        exponent = None
        if family.exponent is not None:
            given = jnp.asarray(self.forms.evaluator.value(family.exponent, scope), inputs.dtype)
            # outside of [0, 1] there is no such cone: the solve fails, as on any NaN in the data
            exponent = jnp.where((given >= 0) & (given <= 1), given, jnp.nan)
        if family.kind != "semidefinite":
            return Cone(matrix, offset, exponent)
        return semidefinite(matrix, offset, shape[-1], skew=family.has_equations)

    def dense(self, form: Affine, shape: Sizes, dtype: Any) -> tuple[Array, Array]:
        """An affine form as a matrix (d, n) and a vector (d,), d the number of its entries."""
        number = size_of(shape)
        parts: dict[str, Array | None] = {
            name: expand(block, shape, dtype).reshape((number, self.layout.sizes[name]))
            for name, block in form.blocks.items()
        }
        constant = 0.0 if form.constant is None else form.constant
        offset = jnp.broadcast_to(jnp.asarray(constant, dtype), shape).reshape(-1)
        return self.layout.join(parts, 1, (number,), dtype), offset


def kept(cone: Cone, kind: ConeKind, holds: Any) -> Cone:
    """The cone where the filter holds; elsewhere rows that nothing can break."""
    holds = jnp.asarray(holds)
    inside = jnp.asarray(interior(kind, cone.offset.shape[-1]), cone.offset.dtype)
    return Cone(
        jnp.where(holds, cone.matrix, 0),
        jnp.where(holds, cone.offset, inside),
        None if cone.exponent is None else jnp.where(holds, cone.exponent, 0.5),
        None if cone.skew_matrix is None else jnp.where(holds, cone.skew_matrix, 0),
        None if cone.skew_offset is None else jnp.where(holds, cone.skew_offset, 0),
    )


def interior(kind: ConeKind, dimension: int) -> np.ndarray:
    """A point well inside a cone: the exponential and the power cone (α = ½) at unit distance along the middle."""
    match kind:
        case "exponential":
            return np.array([-1.0, 1.0, 1.5])
        case "power":
            return np.array([1.0, 1.0, 0.0])
        case "second_order":
            return np.concatenate([[1.0], np.zeros(dimension - 1)])
        case "semidefinite":
            rows, columns = np.tril_indices(order_of(dimension))
            return (rows == columns).astype(float)


def cone_rows(stacks: Sequence[Stack], cones: Mapping[Conic, Cone]) -> ConeRows | None:
    """All cones, those of each stack together; None where there is none."""
    stacks = [stack for stack in stacks if sum(stack.counts) * stack.dimension]
    if not stacks:
        return None
    ordered = [cones[family] for stack in stacks for family in stack.families]
    matrices = [cone.matrix.reshape((-1, cone.matrix.shape[-1])) for cone in ordered]
    exponents = [cone.exponent for cone in ordered if cone.exponent is not None]
    return ConeRows(
        matrix=jnp.concatenate(matrices),
        offset=jnp.concatenate([cone.offset.reshape(-1) for cone in ordered]),
        exponents=jnp.concatenate(exponents) if exponents else jnp.zeros((0,), ordered[0].offset.dtype),
        cones=tuple(Cones(stack.kind, stack.dimension, sum(stack.counts)) for stack in stacks),
    )


def skew_rows(cone: Cone) -> Rows:
    """The equations of symmetry of a family."""
    assert cone.skew_matrix is not None and cone.skew_offset is not None
    matrix = cone.skew_matrix.reshape((-1, cone.skew_matrix.shape[-1]))
    return Rows(matrix, Side(-cone.skew_offset.reshape(-1), None), None)


# ---------------------------------------------------------------- symmetric matrices


def semidefinite(matrix: Array, offset: Array, order: int, *, skew: bool) -> Cone:
    """svec of the symmetric part of a matrix, from its raveled entries, and the skew part below the diagonal."""
    below, above, weights = triangle(order)
    half = jnp.asarray(weights / 2, offset.dtype)
    rows, numbers = half[:, None] * (matrix[below] + matrix[above]), half * (offset[below] + offset[above])
    if not skew:
        return Cone(rows, numbers)
    proper = below != above
    low, high = below[proper], above[proper]
    left, right = matrix[low], matrix[high]
    skew_rows, skew_numbers = left - right, offset[low] - offset[high]
    # What cancels up to rounding is symmetric already: 0 = 0 instead of a row of noise.
    noise = 32 * jnp.finfo(offset.dtype).eps
    sizes = jnp.max(jnp.abs(left) + jnp.abs(right), axis=1, initial=0.0)
    moves = jnp.max(jnp.abs(skew_rows), axis=1, initial=0.0) > noise * sizes
    differs = jnp.abs(skew_numbers) > noise * (jnp.abs(offset[low]) + jnp.abs(offset[high]))
    return Cone(
        rows, numbers, None, jnp.where(moves[:, None], skew_rows, 0), jnp.where(moves | differs, skew_numbers, 0)
    )

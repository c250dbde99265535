"""The quadratic program of a template with sparse matrices, made from the structure of the expressions in O(nnz).

    θ  ↦  P, q, c, A, b, G, lower, upper, bounds, F, g with P, A, G, F as BCOO        (solvers/forms/quadratic.py)

Behind the model's own variables stand those of products that are not multiplied out (sparse_quadratic.py), and behind
its equations their rows: what reads a point by the template's layout sees its own part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.cone_families import Conic
from karush.compiler.lowering.families import Family
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.pieces import Sizes
from karush.compiler.lowering.row_values import Rows, RowValues, Side, filled_side, flat_side, spread
from karush.compiler.lowering.scope import Inputs, Move, Scope, moved_alone
from karush.compiler.lowering.sparse_affine import SparseForms
from karush.compiler.lowering.sparse_cones import SparseCones, SparseConeValues, cone_rows
from karush.compiler.lowering.sparse_quadratic import Entries, SparseTerms, is_worth_multiplying, multiplied_out
from karush.compiler.lowering.sparse_rows import matrix_of, stacked
from karush.compiler.lowering.sparse_values import densified, from_entries
from karush.compiler.lowering.standardise import Template
from karush.compiler.lowering.terms import Linear, Product
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import Diagonal


@dataclass(frozen=True, eq=False)
class Lifted:
    """Variables that stand for an affine form of a shape."""

    name: str
    form: Affine
    shape: Sizes


@dataclass(frozen=True, eq=False)
class SparseRowValues(RowValues):
    """Computes families of rows as entries; see `RowValues`."""

    def rows(self, family: Family, scope: Scope) -> Rows:
        """The rows of a family, the matrix a BCOO over the layout's variables."""
        shape = scope.inputs.shape(family.shape)
        lane = self.lane_of(family, scope)
        keep = None if lane.keep is None else spread(lane.keep, shape)
        matrix = matrix_of(lane.form, shape, self.layout, scope.inputs.dtype, keep)
        return Rows(matrix, flat_side(lane.lower, keep, family), flat_side(lane.upper, keep, family))


# ---------------------------------------------------------------- the objective


def lifted_terms(terms: Sequence[Any]) -> tuple[list[Any], list[Lifted]]:
    """The terms with new variables for forms that are not multiplied out, and these."""
    found: list[Any] = []
    lifted: list[Lifted] = []
    for term in terms:
        if not isinstance(term, Product) or is_worth_multiplying(term):
            found.append(term)
            continue
        new = Lifted(f"product {len(lifted)}", term.left, term.shape)
        lifted.append(new)
        own = Affine(None, {new.name: (sparse.identity(new.shape, _dtype(term)),)})
        found.append(Product(term.weight, own, term.right, term.shape))
    return found, lifted


def _dtype(term: Product) -> Any:
    return next(piece.values.dtype for block in term.left.blocks.values() for piece in block)


def symmetric_matrix(entries: Sequence[Entries], layout: Layout) -> BCOO | None:
    """The P with ½ xᵀPx = Σ pairs; None where there are no pairs."""
    pairs = [pair for part in entries for pair in part.pairs]
    if not pairs:
        return None
    offsets, total = layout.offsets, layout.total
    rows, columns, values = [], [], []
    for pair in pairs:
        flat = pair.values.reshape(-1)
        i, j = pair.rows.reshape(-1) + offsets[pair.left], pair.columns.reshape(-1) + offsets[pair.right]
        rows += [i] if pair.symmetric else [i, j]
        columns += [j] if pair.symmetric else [j, i]
        values += [2 * flat] if pair.symmetric else [flat, flat]
    unique = len(pairs) == 1 and pairs[0].exact
    i, j, flat = (jnp.concatenate(part) for part in (rows, columns, values))
    return from_entries(i, j, flat, (total, total), unique=unique)


def diagonal_matrix(entries: Sequence[Entries], layout: Layout, dtype: Any) -> Diagonal | None:
    """The same P where the text says that it is diagonal: a sum of squares of single entries; else None."""
    pairs = [pair for part in entries for pair in part.pairs]
    if not pairs or not all(pair.squares for pair in pairs):
        return None
    found = jnp.zeros(layout.total, dtype)
    for pair in pairs:
        values = (2.0 if pair.symmetric else 1.0) * pair.values
        found = found.at[pair.rows.reshape(-1) + layout.offsets[pair.left]].add(values.reshape(-1))
    return Diagonal(found)


def vector(entries: Sequence[Entries], layout: Layout, dtype: Any) -> Array:
    """The q with qᵀx = Σ slopes."""
    found = jnp.zeros(layout.total, dtype)
    for part in entries:
        for slope in part.slopes:
            places = slope.places.reshape(-1) + layout.offsets[slope.var]
            found = found.at[places].add(slope.values.reshape(-1), mode="promise_in_bounds")
    return found


# ---------------------------------------------------------------- the program


def separated_program(template: Template, params: Mapping[str, Any], move: Move = moved_alone) -> QuadraticProgram:
    """`sparse_program` with a `Diagonal` P and dense rows, where the text says that P is diagonal; else itself."""
    return sparse_program(template, params, move, separated=True)


def sparse_program(
    template: Template, params: Mapping[str, Any], move: Move = moved_alone, *, separated: bool = False
) -> QuadraticProgram:
    """The data of the quadratic program for these params (infinities split off, see infinities.py)."""
    dtype = template.dtype
    scope = template.evaluator.top(Inputs(template.dims, params, {}, dtype, {}, move), template.dependence)
    assert template.model.objective is not None
    forms = SparseForms(template.evaluator, template.layout)
    collected = SparseTerms(forms, template.knowledge.affine).collect(
        template.model.objective.value, template.sign, scope
    )
    terms, lifted = lifted_terms(collected)
    shapes = {**template.layout.shapes, **{new.name: new.shape for new in lifted}}
    layout = Layout(shapes, template.layout.symmetric)
    entries = [_multiplied(term, dtype) for term in terms]
    values = SparseRowValues(forms, layout, template.bounding)
    in_cones = SparseConeValues(forms, layout)
    cones: dict[Conic, SparseCones] = {family: in_cones.cones(family, scope) for family in template.cones}
    equalities = [values.rows(f, scope) for f in template.equalities]
    equalities += [skew for family in template.skew if (skew := cones[family].skew) is not None]
    equalities += [_definition(new, layout, dtype) for new in lifted]
    below = stacked(equalities, layout.total, dtype)
    rows = stacked([values.rows(f, scope) for f in template.inequalities], layout.total, dtype)
    lower, upper = (_bounds(template, values, scope, layout, upper=upper) for upper in (False, True))
    constants = [part.constant for part in entries if part.constant is not None]
    diagonal = diagonal_matrix(entries, layout, dtype) if separated and not lifted else None
    if diagonal is not None:
        below, rows = (replace(part, matrix=densified(part.matrix)) for part in (below, rows))
    return QuadraticProgram(
        quadratic=symmetric_matrix(entries, layout) if diagonal is None else diagonal,
        linear=vector(entries, layout, dtype),
        constant=sum((jnp.sum(c) for c in constants), jnp.zeros((), dtype)),
        equality_matrix=below.matrix,
        equality_rhs=jnp.zeros((0,), dtype) if below.lower is None else below.lower.value,
        inequality_matrix=rows.matrix,
        lower=None if rows.lower is None else rows.lower.value,
        upper=None if rows.upper is None else rows.upper.value,
        bound_lower=None if lower is None else lower.value,
        bound_upper=None if upper is None else upper.value,
        has_lower=None if rows.lower is None else rows.lower.present,
        has_upper=None if rows.upper is None else rows.upper.present,
        has_bound_lower=None if lower is None else lower.present,
        has_bound_upper=None if upper is None else upper.present,
        cone_rows=cone_rows(template.stacks, cones, layout.total, dtype),
    )


def _multiplied(term: Linear | Product | Entries, dtype: Any) -> Entries:
    return term if isinstance(term, Entries) else multiplied_out(term, dtype)


def _definition(new: Lifted, layout: Layout, dtype: Any) -> Rows:
    """form − new variables = −constant."""
    own = tuple(sparse.scale(piece, -1.0) for piece in (sparse.identity(new.shape, dtype),))
    matrix = matrix_of(Affine(None, {**new.form.blocks, new.name: own}), new.shape, layout, dtype)
    count = sparse.size_of(new.shape)
    constant = 0.0 if new.form.constant is None else new.form.constant
    side = -jnp.broadcast_to(jnp.asarray(constant, dtype), new.shape).reshape(count)
    return Rows(matrix, Side(side, None), None)


def _bounds(template: Template, values: RowValues, scope: Scope, layout: Layout, *, upper: bool) -> Side | None:
    """The bounds of all variables on one side; the new ones have none."""
    given = {bound.var.name: values.bound(bound, scope, upper=upper) for bound in template.bounds}
    return filled_side([(given.get(name), (size,)) for name, size in layout.sizes.items()], template.dtype)

"""Rows that are convex quadratic in the vars, as second-order cones.

A row  Σ_k w_k ‖B_k x + b_k‖² + aᵀx + c ≤ r  says  ‖v(x)‖² ≤ s(x)  with v the √w_k (B_k x + b_k) one below the other and
s = r − c − aᵀx, and that is, for any κ > 0,

    ((s + κ²)/2, (s − κ²)/2, κ v)  in the second-order cone.

With multipliers u the gain of the optimal value per unit of slack is (u₀ + u₁)/2, whatever κ is. Squares need no
factorisation; xᵀPx is ‖P^½ x‖², and a term that is not read by form has the root of its Hessian.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.affine_blocks import multiply_left
from karush.compiler.lowering.cone_families import QuadraticFamily
from karush.compiler.lowering.cone_values import Cone, ConeValues, kept
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.gram import Layout, Pair, Parts, assemble_matrix, assemble_vector
from karush.compiler.lowering.quadratic import Part, QuadraticTerms
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.square_roots import root_of_matrix, root_of_weight
from karush.compiler.lowering.terms import Linear, Product, Term, multiplied
from karush.compiler.model import Expr

WIDEST_SCALE = 1e6
"""κ² is the size of s(0) between this and its inverse; else 1."""


@dataclass(frozen=True, eq=False)
class SquaredTerms(QuadraticTerms):
    """Terms of a convex quadratic that keep their factors: xᵀPx as a square, and clauses not multiplied out."""

    def _quadratic_form(self, base: Expr, matrix: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        shape, dtype = scope.inputs.shape(base.shape), scope.inputs.dtype
        value = self.forms.evaluator.array(matrix, scope)
        root = root_of_matrix(weight * (value + value.T) / 2)
        form = self.forms.form(base, scope)
        constant = form.constant
        if constant is not None:
            constant = root @ jnp.broadcast_to(jnp.asarray(constant, dtype), shape)
        blocks = {name: multiply_left(root, block, shape, shape, dtype) for name, block in form.blocks.items()}
        return [Product(1.0, Affine(constant, blocks), None, shape)]

    def _leaving(self, term: Term, scope: Scope) -> Term:
        if isinstance(term, Parts):
            return term
        dtype = scope.inputs.dtype
        weight = jnp.broadcast_to(jnp.asarray(term.weight, dtype), term.shape)
        if isinstance(term, Linear):
            return replace(term, weight=weight, form=self.forms.leaving(term.form, term.shape, scope))
        right = None if term.right is None else self.forms.leaving(term.right, term.shape, scope)
        return Product(weight, self.forms.leaving(term.left, term.shape, scope), right, term.shape)


@dataclass(frozen=True, eq=False)
class QuadraticRows:
    """Computes families of quadratic rows."""

    cones: ConeValues
    terms: SquaredTerms

    def rows(self, family: QuadraticFamily, scope: Scope) -> Cone:
        """The cones of a family: (count, d, n), (count, d)."""
        own = family.rows

        def run(inner: Scope) -> Cone:
            if own.condition is None:
                return self._cone(family, inner)
            holds = self.cones.forms.evaluator.value(own.condition, inner)
            if not is_number(holds) and not all(map(inner.dependence.regular, own.expressions)):
                inner = inner.guarded(holds)
            return kept(self._cone(family, inner), family.kind, holds)

        found = self.cones.forms.lanes(scope, own.binders, own.expressions, run)
        return self.cones.flat(found, own.binders, scope)

    def _cone(self, family: QuadraticFamily, scope: Scope) -> Cone:
        dtype, own = scope.inputs.dtype, family.rows
        sign = 1.0 if own.upper is not None else -1.0
        terms = self.terms.collect(own.minuend, sign, scope)
        if own.subtrahend is not None:
            terms += self.terms.collect(own.subtrahend, -sign, scope)
        side = own.upper if own.upper is not None else own.lower
        assert side is not None
        limit = sign * jnp.asarray(self.cones.forms.evaluator.value(side, scope), dtype)
        squares = [t for t in terms if isinstance(t, Product) and t.right is None]
        rest = [multiplied(t, dtype) for t in terms if not (isinstance(t, Product) and t.right is None)]
        rows = [self._square(term, dtype) for term in squares] + self._root(rest, dtype)
        slopes = tuple(slope for part in rest for slope in part.slopes)
        constants = [jnp.sum(part.constant) for part in rest if part.constant is not None]
        offset = limit - sum(constants[1:], constants[0]) if constants else limit
        return rotated(-assemble_vector(slopes, self.cones.layout, dtype), offset, rows)

    def _square(self, term: Product, dtype: Any) -> tuple[Array, Array]:
        """√w (B x + b)."""
        matrix, offset = self.cones.dense(term.left, term.shape, dtype)
        if isinstance(term.weight, float) and term.weight == 1.0:
            return matrix, offset
        root = jnp.broadcast_to(root_of_weight(term.weight, dtype), term.shape).reshape(-1)
        return root[:, None] * matrix, root * offset

    def _root(self, parts: Sequence[Parts], dtype: Any) -> list[tuple[Array, Array]]:
        """½ xᵀHx of the terms that are no squares as ‖(H/2)^½ x‖², in the vars that occur."""
        pairs: tuple[Pair, ...] = tuple(pair for part in parts for pair in part.pairs)
        names = {pair.left for pair in pairs} | {pair.right for pair in pairs}
        whole = self.cones.layout
        own = Layout({name: shape for name, shape in whole.shapes.items() if name in names})
        hessian = assemble_matrix(pairs, own, dtype)
        if hessian is None:
            return []
        root = root_of_matrix(hessian / 2)
        number = root.shape[0]
        at, blocks = 0, {}
        for name, size in own.sizes.items():
            blocks[name] = root[:, at : at + size]
            at += size
        return [(whole.join(blocks, 1, (number,), dtype), jnp.zeros((number,), dtype))]


def rotated(slope: Array, limit: Array, rows: Sequence[tuple[Array, Array]]) -> Cone:
    """The cone that says ‖v(x)‖² ≤ slopeᵀx + limit."""
    size = lax.stop_gradient(jnp.abs(limit))
    square = jnp.where((size > 1 / WIDEST_SCALE) & (size < WIDEST_SCALE), size, 1)
    matrix = jnp.concatenate([jnp.stack([slope, slope]) / 2, *(jnp.sqrt(square) * m for m, _ in rows)])
    ends = jnp.stack([limit + square, limit - square]) / 2
    return Cone(matrix, jnp.concatenate([ends, *(jnp.sqrt(square) * offset for _, offset in rows)]))

"""Quadratic forms of a sparse program: products of sparse affine forms as entries, or as squares of new variables.

A product Σ w (a x)(b x) of maps with few entries in a row is multiplied out, entry by entry. Where that would fill P,
as in ‖A x − b‖² with many entries in a row or a sparse A, the form becomes a variable: r = A x − b is a row for each
of its entries, and P has only w on the diagonal of r. So the program has as many entries as A, whatever AᵀA has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.gram import Pair, Parts
from karush.compiler.lowering.pieces import Block, Held, Listed, NoSparseRuleError, Piece, Scattered, Sizes
from karush.compiler.lowering.quadratic import QuadraticTerms
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.sparse_clauses import leaving
from karush.compiler.lowering.sparse_lanes import SparseLanes, mapped
from karush.compiler.lowering.sparse_values import LARGEST_DENSE, TooLargeToBeDenseError
from karush.compiler.lowering.terms import Linear, Product
from karush.compiler.model import Expr

WORTH = 2
"""Products are multiplied out if that makes at most so many times the entries that new variables would."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Pairs:
    """Σ values x[rows] x[columns] in two vars, arrays of one shape.

    ``symmetric``: the sum has both orders of every product; ``exact``: it has no position twice; ``squares``: its rows
    are its columns.
    """

    left: str = field(metadata={"static": True})
    right: str = field(metadata={"static": True})
    values: Array
    rows: Array
    columns: Array
    symmetric: bool = field(metadata={"static": True})
    exact: bool = field(metadata={"static": True})
    squares: bool = field(default=False, metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Slopes:
    """Σ values x[places] in a var, arrays of one shape."""

    var: str = field(metadata={"static": True})
    values: Array
    places: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Entries:
    """A quadratic form multiplied out. The constant is None for 0."""

    pairs: tuple[Pairs, ...]
    slopes: tuple[Slopes, ...]
    constant: Array | None


# ---------------------------------------------------------------- multiplying out


def _width(piece: Piece) -> float:
    return piece.values.shape[-1] if isinstance(piece, Listed) else math.inf


def cost(a: Piece, b: Piece) -> float:
    """How many entries a product has when it is multiplied out."""
    if isinstance(a, Held) or isinstance(b, Held):
        return math.inf
    if isinstance(a, Listed) and isinstance(b, Listed) and a.is_shared and b.is_shared:
        return _width(a) * _width(b)
    return min(a.values.size * _width(b), b.values.size * _width(a))


def is_worth_multiplying(term: Product) -> bool:
    """Whether a product is multiplied out."""
    left = [piece for block in term.left.blocks.values() for piece in block]
    form = term.left if term.right is None else term.right
    right = [piece for block in form.blocks.values() for piece in block]
    made = sum(cost(a, b) for a in left for b in right)
    rows = sparse.size_of(term.shape)
    otherwise = sum(map(sparse.stored, left)) + rows + (rows if term.right is None else sum(map(sparse.stored, right)))
    return made <= WORTH * otherwise


def piece_product(a: Piece, b: Piece) -> tuple[Array, Array, Array]:
    """(values, rows, columns) of Σ_s a[s, i] b[s, j]."""
    if isinstance(a, Listed) and isinstance(b, Listed):
        if a.is_shared and b.is_shared:
            left, right = (p.values.reshape((-1, p.values.shape[-1])) for p in (a, b))
            values = left.T @ right
            places = jnp.broadcast_arrays(a.places[:, None], b.places[None, :])
        else:
            values = a.values[..., :, None] * b.values[..., None, :]
            one, other = sparse.full_places(a)[..., :, None], sparse.full_places(b)[..., None, :]
            places = [jnp.broadcast_to(part, values.shape) for part in (one, other)]
        return values, places[0], places[1]
    if isinstance(a, Scattered) and isinstance(b, Listed):
        width = b.values.shape[-1]
        values = a.values[:, None] * b.values.reshape((-1, width))[a.rows]
        values = jnp.where((a.rows < a.count)[:, None], values, 0)
        columns = sparse.full_places(b).reshape((-1, width))[a.rows]
        return values, jnp.broadcast_to(a.places[:, None], values.shape), columns
    if isinstance(b, Scattered) and isinstance(a, Listed):
        values, columns, rows = piece_product(b, a)
        return values, rows, columns
    raise NoSparseRuleError


def _weighted(form: Affine, weight: Any) -> Affine:
    if isinstance(weight, float) and weight == 1.0:
        return form
    return mapped(form, form.constant, lambda piece: sparse.scale(piece, weight))


def _slopes(form: Affine, weight: Any, shape: Sizes) -> tuple[Slopes, ...]:
    weight = weight if jnp.ndim(weight) == 0 else jnp.broadcast_to(weight, shape)

    def one(name: str, piece: Piece) -> Slopes:
        total = sparse.summed(sparse.scale(piece, weight))
        return Slopes(name, total.values, total.places)

    return tuple(one(name, piece) for name, block in form.blocks.items() for piece in block)


def _sum(weight: Any, constant: Any, shape: Sizes, dtype: Any) -> Array | None:
    if constant is None:
        return None
    return jnp.sum(jnp.broadcast_to(jnp.asarray(weight * constant, dtype), shape))


def multiplied_out(term: Linear | Product, dtype: Any) -> Entries:
    """A term as its entries."""
    if isinstance(term, Linear):
        constant = _sum(term.weight, term.form.constant, term.shape, dtype)
        return Entries((), _slopes(term.form, term.weight, term.shape), constant)
    left, right = term.left, term.left if term.right is None else term.right
    symmetric = term.right is None
    heavy = _weighted(left, term.weight)
    single = symmetric and len(left.blocks) == 1 and all(len(block) == 1 for block in left.blocks.values())
    pairs = tuple(
        Pairs(u, v, *piece_product(a, b), symmetric, single and _is_diagonal(a), single and _is_narrow(a))
        for u, first in heavy.blocks.items()
        for v, second in right.blocks.items()
        for a in first
        for b in second
    )
    slopes: tuple[Slopes, ...] = ()
    constant = None
    if right.constant is not None:
        twice = 2.0 if symmetric else 1.0
        slopes += _slopes(left, jnp.asarray(twice * term.weight * right.constant, dtype), term.shape)
    if left.constant is not None and not symmetric:
        slopes += _slopes(right, jnp.asarray(term.weight * left.constant, dtype), term.shape)
    if left.constant is not None and right.constant is not None:
        constant = _sum(term.weight * left.constant, right.constant, term.shape, dtype)
    return Entries(pairs, slopes, constant)


def _is_narrow(piece: Piece) -> bool:
    return isinstance(piece, Listed) and piece.values.shape[-1] == 1


def _is_diagonal(piece: Piece) -> bool:
    return isinstance(piece, Listed) and piece.distinct and _is_narrow(piece)


# ---------------------------------------------------------------- the terms of an objective


@dataclass(frozen=True, eq=False)
class SparseTerms(QuadraticTerms):
    """Collects the terms of ⟨weight, expr⟩ for a sparse program; see `QuadraticTerms`."""

    def _over(self, lengths: Sizes, term: Any) -> Any:
        """A term over all positions of a clause: entries are added up by being entries."""
        if not isinstance(term, Entries):
            return replace(term, shape=(*lengths, *term.shape))
        over = tuple(range(len(lengths)))
        return replace(term, constant=None if term.constant is None else jnp.sum(term.constant, over))

    def _leaving(self, term: Any, scope: Scope) -> Any:
        """A term as it may leave a clause: its entries where they are few, else its forms."""
        if isinstance(term, Entries):
            return term
        dtype = scope.inputs.dtype
        forms = [term.form] if isinstance(term, Linear) else [term.left, term.right or term.left]
        within = [piece for form in forms for block in form.blocks.values() for piece in block]
        few = not any(isinstance(piece, Held) for piece in within)
        if few and (isinstance(term, Linear) or is_worth_multiplying(term)):
            return multiplied_out(term, dtype)
        weight = jnp.broadcast_to(jnp.asarray(term.weight, dtype), term.shape)

        def ready(form: Affine) -> Affine:
            blocks: dict[str, Block] = {name: leaving(block, term.shape) for name, block in form.blocks.items()}
            constant = form.constant
            if constant is not None:
                constant = jnp.broadcast_to(jnp.asarray(constant, dtype), term.shape)
            return Affine(constant, blocks)

        if isinstance(term, Linear):
            return Linear(weight, ready(term.form), term.shape)
        right = None if term.right is None else ready(term.right)
        return Product(weight, ready(term.left), right, term.shape)

    def _differentiated(self, expr: Expr, weight: Any, scope: Scope) -> Any:
        """A node without a rule: its Hessian by JAX, where it is small."""
        columns = sum(sparse.size_of(self.forms.shapes[name]) for name in scope.dependence.vars(expr))
        positions = sum(1 for _ in self.forms.around(scope)) if isinstance(self.forms, SparseLanes) else 0
        if columns**2 > LARGEST_DENSE or (positions and columns > MANY_IN_A_CLAUSE):
            raise TooLargeToBeDenseError(expr, (columns, columns))
        parts: Parts = super()._differentiated(expr, weight, scope)
        slopes = tuple(Slopes(s.var, s.gradient, jnp.arange(s.gradient.size)) for s in parts.slopes)
        return Entries(tuple(map(_as_entries, parts.pairs)), slopes, parts.constant)


MANY_IN_A_CLAUSE = 500


def _as_entries(pair: Pair) -> Pairs:
    rows, columns = jnp.meshgrid(*map(jnp.arange, pair.matrix.shape), indexing="ij")
    return Pairs(pair.left, pair.right, pair.matrix, rows, columns, symmetric=False, exact=False)

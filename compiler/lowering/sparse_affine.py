"""Affine forms of a sparse program: the value at 0 and one block of pieces (pieces.py) for each var.

Structure gives the entries directly: brackets pick them, products with a matrix spread them, clauses list them, sums
sorted by a key scatter them. What has no rule is made dense by differentiation, where it is small enough.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax.numpy as jnp
from jax import Array

from karush.compiler.facts.linearity import is_affine
from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine
from karush.compiler.lowering.evaluate_operators import divide, is_number
from karush.compiler.lowering.indexing import run_along, static_index, take
from karush.compiler.lowering.pieces import Block, Held, Listed, NoSparseRuleError, Piece, Scattered, Sizes, Source
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.sparse_clauses import one_row, resolved
from karush.compiler.lowering.sparse_lanes import SparseLanes, mapped
from karush.compiler.lowering.sparse_products import multiplied_left, multiplied_right
from karush.compiler.lowering.sparse_values import LARGEST_DENSE, TooLargeToBeDenseError
from karush.compiler.model import Apply, At, Binder, Comprehension, Expr, Named, Reduce, Subscript, VarValue

REARRANGING = frozenset(("transpose", "reshape", "vec"))
"""Atoms that put the entries of their argument in another order and shape."""


@dataclass(frozen=True, eq=False)
class SparseForms(SparseLanes):
    """Affine forms whose blocks are tuples of pieces."""

    # ------------------------------------------------------------ the recursion

    def _form(self, expr: Expr, scope: Scope) -> Affine:
        if not scope.dependence.vars(expr):
            return Affine(self.evaluator.value(expr, scope), {})
        try:
            return self._structured(expr, scope)
        except NoSparseRuleError:
            return self.by_differentiation(expr, scope)

    def _structured(self, expr: Expr, scope: Scope) -> Affine:
        match expr:
            case VarValue():
                return Affine(None, {expr.name: (self._variable(expr.name, scope.inputs.dtype),)})
            case Named():
                return self.form(expr.value, scope)
            case Subscript():
                return self._subscript(expr, scope)
            case Comprehension():
                return self._comprehension(expr, scope)
            case Reduce(operator="sum" | "mean") if is_affine(expr, scope.dependence):
                return self._reduced(expr, scope)
            case Apply(atom="if", arguments=(condition, *_)) if not scope.dependence.vars(condition):
                return self._choice(expr, scope)
            case Apply():
                return self._apply(expr, scope)
            case _:
                raise NoSparseRuleError

    def _variable(self, name: str, dtype: Any) -> Listed:
        """A var itself; of a symmetric matrix what is kept of it, at both places of every entry."""
        places = self._places.get(name)
        if places is None:
            return sparse.identity(self.shapes[name], dtype)
        return Listed(jnp.ones((*places.shape, 1), dtype), places[..., None].astype(jnp.int32), True, False)

    # ------------------------------------------------------------ sums and scalings

    @staticmethod
    def negative(form: Affine) -> Affine:
        """Minus a form."""
        constant = None if form.constant is None else -form.constant
        return mapped(form, constant, lambda piece: sparse.scale(piece, -1.0))

    def widened(self, form: Affine, shape: Sizes, result: Sizes, dtype: Any) -> Affine:
        """A scalar form where an array of its copies is needed."""
        del dtype
        if shape == result:
            return form
        return mapped(form, form.constant, lambda piece: sparse.widened(piece, result))

    def total(self, a: Affine, b: Affine, shape: Sizes, dtype: Any) -> Affine:
        """The sum of two forms of one shape."""
        del shape, dtype
        blocks = dict(a.blocks)
        for name, block in b.blocks.items():
            blocks[name] = (*blocks.get(name, ()), *block)
        constants = [c for c in (a.constant, b.constant) if c is not None]
        return Affine(sum(constants[1:], constants[0]) if constants else None, blocks)

    def _product(self, expr: Apply, left: Expr, right: Expr, scope: Scope) -> Affine:
        varying, other = (left, right) if scope.dependence.vars(left) else (right, left)
        if scope.dependence.vars(other) or (expr.atom == "divide" and varying is right):
            raise NoSparseRuleError
        inputs = scope.inputs
        shape, result = inputs.shape(varying.shape), inputs.shape(expr.shape)
        form = self.widened(self.form(varying, scope), shape, result, inputs.dtype)
        factor = self.evaluator.value(other, scope)
        if not is_number(factor):
            factor = jnp.asarray(factor, inputs.dtype)
        if expr.atom == "divide":
            factor = divide(1.0, factor)
        constant = None if form.constant is None else form.constant * factor
        return mapped(form, constant, lambda piece: sparse.scale(piece, factor))

    def _choice(self, expr: Apply, scope: Scope) -> Affine:
        condition, *branches = expr.arguments
        holds = self.evaluator.value(condition, scope)
        if is_number(holds):
            return self.form(branches[0 if holds else 1], scope)
        inputs = scope.inputs
        result = inputs.shape(expr.shape)
        forms = []
        for branch, taken in zip(branches, (holds, jnp.logical_not(holds)), strict=True):
            within = scope if scope.dependence.regular(branch) else scope.guarded(taken)
            form = self.widened(self.form(branch, within), inputs.shape(branch.shape), result, inputs.dtype)
            constant = None if form.constant is None else jnp.where(taken, form.constant, 0)
            factor = jnp.asarray(taken, inputs.dtype)
            forms.append(mapped(form, constant, partial(_times, factor=factor)))
        return self.total(forms[0], forms[1], result, inputs.dtype)

    # ------------------------------------------------------------ matrices and structure

    def _matmul(self, expr: Apply, left: Expr, right: Expr, scope: Scope) -> Affine:
        inputs = scope.inputs
        if scope.dependence.vars(left) and scope.dependence.vars(right):
            raise NoSparseRuleError
        varying, other = (left, right) if scope.dependence.vars(left) else (right, left)
        form, shape = self.form(varying, scope), inputs.shape(varying.shape)
        matrix = self.evaluator.sparse(other, scope)
        given = self.evaluator.array(other, scope) if matrix is None else matrix
        multiply = multiplied_right if varying is left else multiplied_left
        columns = {name: sparse.size_of(self.shapes[name]) for name in form.blocks}
        level = self.level(scope)
        blocks = {
            name: tuple(one_row(multiply(given, piece, shape, columns[name], level)) for piece in block)
            for name, block in form.blocks.items()
        }
        constant = None
        if form.constant is not None:
            values = [self._filled(form.constant, shape, scope), given]
            constant = self._times(*(values if varying is left else values[::-1]))
        return Affine(constant, blocks)

    @staticmethod
    def _times(left: Any, right: Any) -> Array:
        product: Array = left @ right
        return product

    def _linear(self, expr: Apply, scope: Scope) -> Affine:
        """A linear atom, by where it puts the entries of its arguments."""
        inputs = scope.inputs
        forms = [self.form(argument, scope) for argument in expr.arguments]
        shapes = [inputs.shape(argument.shape) for argument in expr.arguments]
        blocks = self._moved(expr, forms, shapes, scope)
        return Affine(self._constant_of(expr, scope, forms, shapes), blocks)

    def _moved(self, expr: Apply, forms: list[Affine], shapes: list[Sizes], scope: Scope) -> Mapping[str, Block]:
        form, shape = forms[0], shapes[0]
        match expr.atom:
            case "sum" | "mean":
                share = 1.0 if expr.atom == "sum" else 1.0 / max(sparse.size_of(shape), 1)
                return mapped(form, None, lambda piece: sparse.scale(sparse.summed(piece), share)).blocks
            case "trace":
                diagonal = _diagonal(shape)
                return mapped(form, None, lambda piece: sparse.summed(sparse.rearranged(piece, diagonal))).blocks
            case "diff":
                after, before = (_selected(form, slice(a, b), shape) for a, b in ((1, None), (0, -1)))
                return self.total(after, self.negative(before), (), None).blocks
            case "concat" | "stack":
                return _joined(expr.atom == "stack", forms, shapes, scope)
            case "diag" if len(shape) == 2:
                return mapped(form, None, lambda piece: sparse.rearranged(piece, _diagonal(shape))).blocks
            case _ if expr.atom in REARRANGING:
                where = jnp.arange(sparse.size_of(shape)).reshape(shape)
                sources = self.evaluator.apply(expr, [where], scope).astype(int)
                return mapped(form, None, lambda piece: sparse.rearranged(piece, sources)).blocks
        raise NoSparseRuleError

    def _subscript(self, expr: Subscript, scope: Scope) -> Affine:
        inputs = scope.inputs
        form, shape = self.form(expr.value, scope), inputs.shape(expr.value.shape)
        level = self.level(scope)

        def index(array: Array) -> Array:
            return take(array, expr.items, lambda item: self.evaluator.value(item, scope), inputs)

        subset = all(not item.index.shape for item in expr.items if isinstance(item, At))

        def select(piece: Piece) -> Piece:
            if not isinstance(piece, Scattered):
                return sparse.selected(piece, index, shape, subset=subset)
            if not subset or not self._covers(expr, piece.level, scope):
                raise NoSparseRuleError
            rows = index(jnp.arange(piece.count, dtype=jnp.int32).reshape(shape))
            ones = jnp.ones(jnp.shape(rows), piece.values.dtype)
            return one_row(resolved(piece, rows, ones)) if piece.level == level else Held(ones, rows, Source(piece))

        constant = None if form.constant is None else index(self._filled(form.constant, shape, scope))
        return mapped(form, constant, select)

    def _covers(self, expr: Subscript, level: int, scope: Scope) -> bool:
        """Whether brackets take no row twice as the clauses between a level and a scope run."""
        running = {binder for depth, binder in self.around(scope) if depth > level}
        covered: set[Binder] = set()
        for item in expr.items:
            if not isinstance(item, At) or static_index(item.index, scope.inputs) is not None:
                continue
            runs = [b for b in running - covered if run_along(item.index, b, scope.inputs) is not None]
            if len(runs) != 1:
                return False
            covered.add(runs[0])
        return covered == running

    # ------------------------------------------------------------ clauses

    def _comprehension(self, expr: Comprehension, scope: Scope) -> Affine:
        shape = scope.inputs.shape(expr.body.shape)

        def run(inner: Scope) -> Affine:
            return self.leaving(self.form(expr.body, inner), shape, inner)

        return self._scalars(self.lanes(scope, expr.binders, (expr.body,), run))

    def _scalars(self, form: Affine) -> Affine:
        return mapped(form, form.constant, one_row)

    def _reduced(self, expr: Reduce, scope: Scope) -> Affine:
        """``sum(body for binders if condition)`` over the binders alone."""
        inputs, axes = scope.inputs, len(expr.binders)
        shape = inputs.shape(expr.body.shape)
        bodies = (expr.body,) if expr.condition is None else (expr.condition, expr.body)

        def run(inner: Scope) -> tuple[Affine, Array]:
            holds = True if expr.condition is None else self.evaluator.value(expr.condition, inner)
            return self._kept(expr.body, holds, shape, inner), jnp.asarray(holds)

        form, holds = self.lanes(scope, expr.binders, bodies, run)
        over, width = tuple(range(axes)), sparse.size_of(shape)
        constant = None if form.constant is None else jnp.sum(form.constant, over)

        def fold(piece: Piece) -> Piece:
            return sparse.folded(piece, width) if isinstance(piece, Scattered) else sparse.summed_over(piece, axes)

        total = mapped(form, constant, fold)
        if expr.operator == "sum":
            return total
        share = divide(1.0, jnp.sum(holds, over).astype(inputs.dtype)) if axes else jnp.ones((), inputs.dtype)
        scaled = None if constant is None else constant * share
        return mapped(total, scaled, lambda piece: sparse.scale(piece, share))

    # ------------------------------------------------------------ what has no rule

    def by_differentiation(self, expr: Expr, scope: Scope) -> Affine:
        """Value and Jacobian at 0 by JAX. Raises TooLargeToBeDenseError where there are too many entries."""
        inputs = scope.inputs
        shape = inputs.shape(expr.shape)
        columns = sum(sparse.size_of(self.shapes[name]) for name in scope.dependence.vars(expr))
        positions = sparse.size_of(tuple(inputs.size(binder.length) for _, binder in self.around(scope)))
        if positions * sparse.size_of(shape) * columns > LARGEST_DENSE:
            raise TooLargeToBeDenseError(expr, (positions * sparse.size_of(shape), columns))
        found = super().by_differentiation(expr, scope)
        blocks = {
            name: (sparse.dense(jnp.reshape(block.matrix, (*shape, -1)), shape),)
            for name, block in found.blocks.items()
        }
        return replace(found, blocks=blocks)


def _times(piece: Piece, factor: Array) -> Piece:
    return sparse.scale(piece, factor)


def _diagonal(shape: Sizes) -> Array:
    """Where the diagonal of a matrix stands in its raveled entries."""
    return jnp.arange(min(shape)) * (shape[1] + 1)


def _selected(form: Affine, part: slice, shape: Sizes) -> Affine:
    def select(piece: Piece) -> Piece:
        return sparse.selected(piece, lambda array: array[part], shape, subset=True)

    return mapped(form, None, select)


def _joined(new: bool, forms: list[Affine], shapes: list[Sizes], scope: Scope) -> Mapping[str, Block]:
    """Arrays one after the other, or stacked: one piece for each var, with rows of zeros where a part has none."""
    shape = next((shape for shape in shapes if shape), ())
    blocks: dict[str, Block] = {}
    for name in {name for form in forms for name in form.blocks}:
        rows = []
        for form, own in zip(forms, shapes, strict=True):
            target = shape if new else own
            parts = [_listed(piece, own, target) for piece in form.blocks.get(name, ())]
            empty = Listed(jnp.zeros((*target, 0), scope.inputs.dtype), jnp.zeros((*target, 0), jnp.int32), True, True)
            values = jnp.concatenate([part.values for part in parts or [empty]], axis=-1)
            places = jnp.concatenate([sparse.full_places(part) for part in parts or [empty]], axis=-1)
            rows.append(Listed(values, places, len(parts) <= 1 and all(p.exact for p in parts), False))
        blocks[name] = (sparse.joined(rows, new),)
    return blocks


def _listed(piece: Piece, shape: Sizes, target: Sizes) -> Listed:
    found = piece if shape == target else sparse.widened(piece, target)
    if not isinstance(found, Listed):
        raise NoSparseRuleError
    return found

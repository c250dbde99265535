"""Affine forms: an expression that is affine in the vars as its value at 0 and one block for each var.

Structure first (affine_blocks.py): products with matrices, sums, brackets and clauses have rules of their own. A node
without a rule is differentiated by JAX, it alone: its own arguments where they are affine forms, else in the vars.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.facts.linearity import LINEAR_ATOMS, is_affine
from karush.compiler.lowering.affine_blocks import (
    Block,
    Sizes,
    add,
    dense,
    expanded,
    identity,
    multiply_left,
    negate,
    push,
    scale,
    select,
    size_of,
)
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.evaluate_operators import divide, is_number
from karush.compiler.lowering.gram import Layout
from karush.compiler.lowering.indexing import take
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.symmetric import order_of, unpacking
from karush.compiler.model import Apply, Binder, Comprehension, Expr, Named, Subscript, VarValue


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Affine:
    """constant + Σ block(var). ``constant`` has the expression's shape, is a plain number, or None for 0.

    A block is a `Block` in a dense program, a tuple of pieces (pieces.py) in a sparse one.
    """

    constant: Any
    blocks: Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class AffineForms:
    """Affine forms of expressions whose vars lie in x by ``layout``; ``evaluator`` gives the values without vars."""

    evaluator: Evaluator
    layout: Layout

    @property
    def shapes(self) -> Mapping[str, Sizes]:
        """The shape of what is kept of each var."""
        return self.layout.shapes

    # ------------------------------------------------------------ the recursion

    def form(self, expr: Expr, scope: Scope) -> Affine:
        """The affine form of an expression that is known to be affine; parts come before wholes, with a loop."""
        kept = scope.lookup_affine(expr)
        if kept is not None:
            return kept
        pending = [expr]
        while pending:
            node = pending[-1]
            missing = [part for part in self._parts(node, scope) if scope.lookup_affine(part) is None]
            if missing:
                pending += reversed(missing)
                continue
            if scope.lookup_affine(node) is None:
                scope.affine[node] = self._form(node, scope)
            pending.pop()
        return scope.affine[expr]

    def _parts(self, expr: Expr, scope: Scope) -> tuple[Expr, ...]:
        """The expressions whose forms, here in this scope, make that of an expression."""
        varies = scope.dependence.vars
        if not varies(expr):
            return ()
        match expr:
            case Named() | Subscript():
                return (expr.value,)
            case Apply(atom="add" | "subtract" | "negate"):
                return expr.arguments
            case Apply(atom="multiply" | "divide" | "matmul", arguments=(left, right)):
                alone = varies(left) if expr.atom == "divide" else True
                varying = [side for side in (left, right) if varies(side)]
                return tuple(varying) if len(varying) == 1 and alone else ()
            case Apply() if expr.atom in LINEAR_ATOMS:
                return expr.arguments
            case _:
                return ()

    def _form(self, expr: Expr, scope: Scope) -> Affine:
        if not scope.dependence.vars(expr):
            return Affine(self.evaluator.value(expr, scope), {})
        match expr:
            case VarValue():
                return Affine(None, {expr.name: self._whole(expr.name)})
            case Named():
                return self.form(expr.value, scope)
            case Subscript():
                return self._subscript(expr, scope)
            case Comprehension():
                return self._comprehension(expr, scope)
            case Apply():
                return self._apply(expr, scope)
            case _:
                return self.by_differentiation(expr, scope)

    @cached_property
    def _places(self) -> dict[str, Array]:
        """For a symmetric matrix, where each of its entries lies in what is kept of it."""
        return {n: jnp.asarray(unpacking(order_of(self.shapes[n][0]))) for n in sorted(self.layout.symmetric)}

    def _whole(self, name: str) -> Block:
        """A var itself."""
        places = self._places.get(name)
        return (
            identity(self.shapes[name]) if places is None else Block(1.0, places, True, places.shape, self.shapes[name])
        )

    def _apply(self, expr: Apply, scope: Scope) -> Affine:
        match expr:
            case Apply(atom="add" | "subtract", arguments=(left, right)):
                return self._sum(expr, left, right, scope)
            case Apply(atom="negate", arguments=(argument,)):
                return self.negative(self.form(argument, scope))
            case Apply(atom="multiply" | "divide", arguments=(left, right)):
                return self._product(expr, left, right, scope)
            case Apply(atom="matmul", arguments=(left, right)):
                return self._matmul(expr, left, right, scope)
            case _ if expr.atom in LINEAR_ATOMS:
                return self._linear(expr, scope)
            case _:
                return self.by_differentiation(expr, scope)

    # ------------------------------------------------------------ sums and scalings

    @staticmethod
    def negative(form: Affine) -> Affine:
        """Minus a form."""
        constant = None if form.constant is None else -form.constant
        return Affine(constant, {name: negate(block) for name, block in form.blocks.items()})

    def widened(self, form: Affine, shape: Sizes, result: Sizes, dtype: Any) -> Affine:
        """A scalar form where an array of its copies is needed."""
        if shape == result:
            return form
        blocks = {
            name: push(block, lambda value: jnp.broadcast_to(value, result), shape, result, dtype)
            for name, block in form.blocks.items()
        }
        return Affine(form.constant, blocks)

    def total(self, a: Affine, b: Affine, shape: Sizes, dtype: Any) -> Affine:
        """The sum of two forms of one shape."""
        blocks = dict(a.blocks)
        for name, block in b.blocks.items():
            blocks[name] = add(blocks[name], block, shape, dtype) if name in blocks else block
        return Affine(add_constants(a.constant, b.constant), blocks)

    def _sum(self, expr: Apply, left: Expr, right: Expr, scope: Scope) -> Affine:
        result, dtype = scope.inputs.shape(expr.shape), scope.inputs.dtype
        a, b = (
            self.widened(self.form(part, scope), scope.inputs.shape(part.shape), result, dtype)
            for part in (left, right)
        )
        return self.total(a, self.negative(b) if expr.atom == "subtract" else b, result, dtype)

    def _product(self, expr: Apply, left: Expr, right: Expr, scope: Scope) -> Affine:
        varying, other = (left, right) if scope.dependence.vars(left) else (right, left)
        if scope.dependence.vars(other) or (expr.atom == "divide" and varying is right):
            return self.by_differentiation(expr, scope)
        inputs = scope.inputs
        shape, result = inputs.shape(varying.shape), inputs.shape(expr.shape)
        form = self.widened(self.form(varying, scope), shape, result, inputs.dtype)
        factor = self.evaluator.value(other, scope)
        if expr.atom == "divide":
            factor = divide(1.0, factor if is_number(factor) else jnp.asarray(factor, inputs.dtype))
        if not is_number(factor):
            factor = jnp.asarray(factor, inputs.dtype)
        constant = None if form.constant is None else form.constant * factor
        return Affine(constant, {name: scale(block, factor, result) for name, block in form.blocks.items()})

    # ------------------------------------------------------------ matrices and structure

    def _matmul(self, expr: Apply, left: Expr, right: Expr, scope: Scope) -> Affine:
        inputs = scope.inputs
        if scope.dependence.vars(left) and scope.dependence.vars(right):
            return self.by_differentiation(expr, scope)
        if scope.dependence.vars(left) and len(left.shape) > 1:
            return self._linear(expr, scope)
        result = inputs.shape(expr.shape)
        if scope.dependence.vars(left):  # xᵀA = Aᵀx for a vector x
            varying, matrix = left, jnp.transpose(self.evaluator.array(right, scope))
        else:
            varying, matrix = right, self.evaluator.array(left, scope)
        form, shape = self.form(varying, scope), inputs.shape(varying.shape)
        constant = form.constant
        if constant is not None:
            constant = matrix @ jnp.broadcast_to(jnp.asarray(constant, inputs.dtype), shape)
        blocks = {
            name: multiply_left(matrix, block, shape, result, inputs.dtype) for name, block in form.blocks.items()
        }
        return Affine(constant, blocks)

    def _linear(self, expr: Apply, scope: Scope) -> Affine:
        """A linear atom: its value where the forms are at 0, and itself applied to the columns of each block."""
        inputs = scope.inputs
        result, dtype = inputs.shape(expr.shape), inputs.dtype
        forms = [self.form(argument, scope) for argument in expr.arguments]
        shapes = [inputs.shape(argument.shape) for argument in expr.arguments]
        multilinear = expr.atom in ("kron", "matmul")
        total = Affine(None, {})
        for position, (form, shape) in enumerate(zip(forms, shapes, strict=True)):
            others = [f.constant if multilinear and not f.blocks else None for f in forms]
            apply = self._with_one(expr, scope, position, others, shapes)
            blocks = {n: push(b, apply, shape, result, dtype) for n, b in form.blocks.items()}
            total = self.total(total, Affine(None, blocks), result, dtype)
        return Affine(self._constant_of(expr, scope, forms, shapes), total.blocks)

    def _constant_of(self, expr: Apply, scope: Scope, forms: list[Affine], shapes: list[Sizes]) -> Any:
        if all(form.constant is None for form in forms):
            return None
        values = [self._filled(f.constant, s, scope) for f, s in zip(forms, shapes, strict=True)]
        return self.evaluator.apply(expr, values, scope)

    @staticmethod
    def _filled(constant: Any, shape: Sizes, scope: Scope) -> Array:
        return jnp.broadcast_to(jnp.asarray(0.0 if constant is None else constant, scope.inputs.dtype), shape)

    def _with_one(
        self, expr: Apply, scope: Scope, position: int, others: list[Any], shapes: list[Sizes]
    ) -> Callable[[Array], Array]:
        values = [self._filled(o, s, scope) for o, s in zip(others, shapes, strict=True)]

        def apply(value: Array) -> Array:
            return self.evaluator.apply(expr, [*values[:position], value, *values[position + 1 :]], scope)

        return apply

    def _subscript(self, expr: Subscript, scope: Scope) -> Affine:
        inputs = scope.inputs
        form = self.form(expr.value, scope)
        shape, result = inputs.shape(expr.value.shape), inputs.shape(expr.shape)

        def index(array: Array) -> Array:
            return take(array, expr.items, lambda item: self.evaluator.value(item, scope), inputs)

        constant = None if form.constant is None else index(self._filled(form.constant, shape, scope))
        blocks = {n: select(b, index, shape, result, inputs.dtype) for n, b in form.blocks.items()}
        return Affine(constant, blocks)

    # ------------------------------------------------------------ clauses

    def _comprehension(self, expr: Comprehension, scope: Scope) -> Affine:
        shape = scope.inputs.shape(expr.body.shape)

        def run(inner: Scope) -> Affine:
            return self.leaving(self.form(expr.body, inner), shape, inner)

        return self.lanes(scope, expr.binders, (expr.body,), run)

    def lanes(
        self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Callable[[Scope], Any]
    ) -> Any:
        """`Clauses.lanes`, with the forms of affine lets that need none of the binders made outside."""
        lets = (n for n in walk(*bodies) if isinstance(n, Named) and scope.dependence.vars(n) and scope.binds(n))
        for node in lets:
            if is_affine(node, scope.dependence):
                self.form(node, scope)
        return self.evaluator.clauses.lanes(scope, binders, bodies, run)

    def leaving(self, form: Affine, shape: Sizes, scope: Scope) -> Affine:
        """A form as it may leave a clause: dense blocks, to which the binders' axes are axes of the expression."""
        dtype = scope.inputs.dtype
        constant = None if form.constant is None else self._filled(form.constant, shape, scope)
        return Affine(constant, {n: expanded(b, shape, dtype) for n, b in form.blocks.items()})

    # ------------------------------------------------------------ what has no rule

    def by_differentiation(self, expr: Expr, scope: Scope) -> Affine:
        """Value and Jacobian at 0 by JAX: rows or columns, whichever are fewer."""
        names = sorted(scope.dependence.vars(expr))
        dtype, result = scope.inputs.dtype, scope.inputs.shape(expr.shape)
        origin = {name: jnp.zeros(self.shapes[name], dtype) for name in names}

        def value(point: Mapping[str, Array]) -> Array:
            return self.evaluator.array(expr, scope.with_vars(self.layout.whole(point)))

        columns = sum(size_of(self.shapes[name]) for name in names)
        if not result:
            constant, jacobian = jax.value_and_grad(value)(origin)
        else:
            by_rows = bool(size_of(result) <= columns)
            jacobian = (jax.jacrev if by_rows else jax.jacfwd)(value)(origin)
            constant = value(origin)
        return Affine(constant, {name: dense(jacobian[name], self.shapes[name]) for name in names})


def add_constants(a: Any, b: Any) -> Any:
    """The sum, where None is 0."""
    if a is None or b is None:
        return b if a is None else a
    return a + b

"""Quadratic forms: a scalar expression that is quadratic in the vars as ½ xᵀPx + qᵀx + c.

The expression is read as ⟨weight, e⟩ from the top down: sums, scalings and clauses move into the weight, until what
is left is a product of two affine forms, an affine form, or a node without a rule, which alone JAX differentiates
twice. Products become Gram matrices of the blocks, so ``quad(x, W)`` costs no arithmetic and ``sumsq(A @ x - b)`` one
product AᵀA.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.facts.linearity import is_affine
from karush.compiler.lowering.affine import AffineForms
from karush.compiler.lowering.affine_blocks import size_of
from karush.compiler.lowering.evaluate_operators import divide, is_number
from karush.compiler.lowering.gram import Pair, Parts, Slope, times
from karush.compiler.lowering.scope import Scope
from karush.compiler.lowering.terms import Linear, Product, Term, localised, multiplied
from karush.compiler.model import Apply, Comprehension, Constant, Expr, Named, Reduce

Sizes = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Part:
    """Σ weight · expr, in a scope: what is yet to be taken apart."""

    expr: Expr
    weight: Any
    scope: Scope


@dataclass(frozen=True, eq=False)
class QuadraticTerms:
    """Collects the terms of ⟨weight, expr⟩; ``affine(expr)`` may know more of curvature than the form shows."""

    forms: AffineForms
    affine: Callable[[Expr], bool] = lambda expr: False

    def collect(self, expr: Expr, weight: Any, scope: Scope) -> list[Term]:
        """The terms of Σ weight · expr; the weight has the expression's shape, or is a scalar for all entries."""
        terms: list[Term] = []
        pending: list[Term | Part] = [Part(expr, weight, scope)]
        while pending:
            here = pending.pop()
            if isinstance(here, Part):
                pending += reversed(self._opened(here.expr, here.weight, here.scope))
            else:
                terms.append(here)
        return terms

    def _opened(self, expr: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        """What an expression is the sum of: terms, and parts that are yet to be looked into."""
        shape = scope.inputs.shape(expr.shape)
        if is_affine(expr, scope.dependence) or self.affine(expr):
            return [Linear(weight, self.forms.form(expr, scope), shape)]
        match expr:
            case Named():
                return [Part(expr.value, weight, scope)]
            case Apply():
                return self._apply(expr, weight, scope)
            case Reduce(operator="sum" | "mean"):
                return self._reduce(expr, weight, scope)
            case Comprehension() if jnp.ndim(weight) == 0:
                return self._clause(expr, None, weight, scope)
            case _:
                return [self._differentiated(expr, weight, scope)]

    # ------------------------------------------------------------ applications

    def _apply(self, expr: Apply, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        shape = scope.inputs.shape(expr.shape)
        match expr:
            case Apply(atom="add" | "subtract", arguments=(left, right)):
                other = -weight if expr.atom == "subtract" else weight
                return [self._part(left, weight, shape, scope), self._part(right, other, shape, scope)]
            case Apply(atom="negate", arguments=(argument,)):
                return [Part(argument, -weight, scope)]
            case Apply(atom="multiply" | "divide"):
                return self._scaled(expr, weight, shape, scope)
            case _:
                return self._function(expr, weight, scope)

    def _function(self, expr: Apply, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        match expr:
            case Apply(atom="square" | "squared" | "sumsq", arguments=(base,)):
                return self._square(base, weight, scope)
            case Apply(atom="power", arguments=(base, Constant(value=2))):
                return self._power(base, weight, scope)
            case Apply(atom="sum", arguments=(argument,)):
                return [Part(argument, weight, scope)]
            case Apply(atom="mean", arguments=(argument,)):
                number = size_of(scope.inputs.shape(argument.shape))
                return [Part(argument, divide(weight, self._real(number, scope)), scope)]
            case Apply(atom="quad", arguments=(base, matrix)) if not scope.dependence.vars(matrix):
                return self._quadratic_form(base, matrix, weight, scope)
            case Apply(atom="if", arguments=(condition, _, _)) if not scope.dependence.vars(condition):
                return self._choice(expr, weight, scope)
            case Apply(atom="matmul", arguments=(left, right)) if len(left.shape) == len(right.shape) == 1:
                return self._dot(left, right, weight, scope)
            case _:
                return self._other(expr, weight, scope)

    def _other(self, expr: Apply, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        """An atom whose value is an expression is read as that expression; another is differentiated."""
        elementary = expr.atom in ("if", "divide", "power", "matmul", "maximum", "minimum", "concat", "stack")
        if elementary or self.forms.evaluator.atoms.primitive(expr.atom) is not None:
            return [self._differentiated(expr, weight, scope)]
        return [Part(self.forms.evaluator.atoms.expand(expr), weight, scope)]

    @staticmethod
    def _real(number: Any, scope: Scope) -> Any:
        return number if is_number(number) else jnp.asarray(number, scope.inputs.dtype)

    def _part(self, expr: Expr, weight: Any, shape: Sizes, scope: Scope) -> Part:
        """A part of an elementwise expression; where it is a scalar that was copied, its weights add up."""
        if shape and not expr.shape:
            number = size_of(shape)
            weight = weight * self._real(number, scope) if jnp.ndim(weight) == 0 else jnp.sum(weight)
        return Part(expr, weight, scope)

    def _scaled(self, expr: Apply, weight: Any, shape: Sizes, scope: Scope) -> Sequence[Term | Part]:
        left, right = expr.arguments
        varies = scope.dependence.vars
        if varies(left) and varies(right):
            if expr.atom == "divide":
                return [self._differentiated(expr, weight, scope)]
            return self._product(left, right, weight, shape, scope)
        if expr.atom == "divide" and varies(right):
            return [self._differentiated(expr, weight, scope)]
        varying, other = (left, right) if varies(left) else (right, left)
        factor = self._real(self.forms.evaluator.value(other, scope), scope)
        weight = divide(weight, factor) if expr.atom == "divide" else times(weight, factor)
        return [self._part(varying, weight, shape, scope)]

    def _product(self, left: Expr, right: Expr, weight: Any, shape: Sizes, scope: Scope) -> Sequence[Term | Part]:
        if not (is_affine(left, scope.dependence) and is_affine(right, scope.dependence)):
            whole = Apply("multiply", (left, right), shape=left.shape or right.shape, span=left.span)
            return [self._differentiated(whole, weight, scope)]
        dtype = scope.inputs.dtype
        a, b = (
            self.forms.widened(self.forms.form(e, scope), scope.inputs.shape(e.shape), shape, dtype)
            for e in (left, right)
        )
        return [Product(weight, a, None if left is right else b, shape)]

    def _square(self, base: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        if not (is_affine(base, scope.dependence) or self.affine(base)):
            square = Apply("multiply", (base, base), shape=base.shape, span=base.span)
            return [self._differentiated(square, weight, scope)]
        return [Product(weight, self.forms.form(base, scope), None, scope.inputs.shape(base.shape))]

    def _power(self, base: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        if isinstance(base, Apply) and base.atom in ("norm2", "norm_fro"):
            return self._square(base.arguments[0], weight, scope)
        return self._square(base, weight, scope)

    def _quadratic_form(self, base: Expr, matrix: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        product = Apply("matmul", (matrix, base), shape=base.shape, span=base.span)
        return self._dot(product, base, weight, scope)

    def _dot(self, left: Expr, right: Expr, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        """A scalar product of two vectors: products of their entries, each with the same weight."""
        if not scope.dependence.vars(left) or not scope.dependence.vars(right):
            varying, other = (left, right) if scope.dependence.vars(left) else (right, left)
            return [Part(varying, weight * self.forms.evaluator.array(other, scope), scope)]
        return self._product(left, right, weight, scope.inputs.shape(left.shape), scope)

    def _choice(self, expr: Apply, weight: Any, scope: Scope) -> Sequence[Term | Part]:
        """A branch counts where it is taken; a condition free of vars chooses."""
        condition, chosen, otherwise = expr.arguments
        holds = self.forms.evaluator.value(condition, scope)
        if is_number(holds):
            return [self._part(chosen if holds else otherwise, weight, scope.inputs.shape(expr.shape), scope)]
        terms: list[Term | Part] = []
        for branch, taken in ((chosen, holds), (otherwise, jnp.logical_not(holds))):
            shape = jnp.broadcast_shapes(scope.inputs.shape(expr.shape), taken.shape)
            within = scope if scope.dependence.regular(branch) else scope.guarded(taken)
            kept = jnp.where(taken, jnp.asarray(weight, scope.inputs.dtype), 0)
            terms.append(self._part(branch, jnp.broadcast_to(kept, shape), shape, within))
        return terms

    # ------------------------------------------------------------ clauses

    def _reduce(self, expr: Reduce, weight: Any, scope: Scope) -> list[Term]:
        if expr.operator == "mean":
            if expr.condition is not None:
                return [self._differentiated(expr, weight, scope)]
            number = size_of(tuple(scope.inputs.size(b.length) for b in expr.binders))
            weight = divide(weight, self._real(number, scope))
        if expr.condition is not None and scope.dependence.vars(expr.condition):
            return [self._differentiated(expr, weight, scope)]
        return self._clause(expr, expr.condition, weight, scope)

    def _clause(self, expr: Reduce | Comprehension, condition: Expr | None, weight: Any, scope: Scope) -> list[Term]:
        def run(inner: Scope) -> list[Term]:
            if condition is None:
                terms = self.collect(expr.body, weight, inner)
            else:
                holds = self.forms.evaluator.value(condition, inner)
                within = inner if inner.dependence.regular(expr.body) else inner.guarded(holds)
                kept = jnp.where(holds, jnp.asarray(weight, inner.inputs.dtype), 0)
                terms = self.collect(expr.body, kept, within)
            return [self._leaving(term, inner) for term in terms]

        bodies = (expr.body,) if condition is None else (condition, expr.body)
        lengths = tuple(scope.inputs.size(b.length) for b in expr.binders)
        terms = self.forms.lanes(scope, expr.binders, bodies, run)
        return [self._over(lengths, term) for term in terms]

    def _over(self, lengths: Sizes, term: Term) -> Term:
        """A term over all positions of a clause, from what the clause returned."""
        if isinstance(term, Parts):
            return term.summed(len(lengths))
        return replace(term, shape=(*lengths, *term.shape))

    def _leaving(self, term: Term, scope: Scope) -> Term:
        """A term as it may leave a clause.

        Where each position of the clause meets a few entries of the vars only, the term is multiplied out there;
        else its affine forms leave as they are, to be multiplied for all positions at once.
        """
        if isinstance(term, Parts):
            return term
        dtype = scope.inputs.dtype
        term = localised(term)
        forms = [term.form] if isinstance(term, Linear) else [term.left, term.right or term.left]
        if all(block.positions is not None for form in forms for block in form.blocks.values()):
            return multiplied(term, dtype)
        weight = jnp.broadcast_to(jnp.asarray(term.weight, dtype), term.shape)
        if isinstance(term, Linear):
            return Linear(weight, self.forms.leaving(term.form, term.shape, scope), term.shape)
        right = None if term.right is None else self.forms.leaving(term.right, term.shape, scope)
        return Product(weight, self.forms.leaving(term.left, term.shape, scope), right, term.shape)

    # ------------------------------------------------------------ what has no rule

    def _differentiated(self, expr: Expr, weight: Any, scope: Scope) -> Parts:
        names = sorted(scope.dependence.vars(expr))
        dtype, shapes = scope.inputs.dtype, self.forms.shapes
        origin = {name: jnp.zeros(shapes[name], dtype) for name in names}

        def value(point: Mapping[str, Array]) -> Array:
            return jnp.sum(weight * self.forms.evaluator.array(expr, scope.with_vars(self.forms.layout.whole(point))))

        constant, gradient = jax.value_and_grad(value)(origin)
        hessian = jax.hessian(value)(origin)
        sizes = {name: size_of(shapes[name]) for name in names}
        pairs = tuple(
            Pair(u, v, None, None, 0.5 * hessian[u][v].reshape((sizes[u], sizes[v]))) for u in names for v in names
        )
        return Parts(pairs, tuple(Slope(u, None, gradient[u].reshape(-1)) for u in names), constant)

"""Clauses of a sparse program: affine forms at a position of a clause, and those over all of its positions.

A reduction sorted by a binder's value, ``sum(f[l] for l in m if src[l] == i)``, is made once for all i, outside of the
clause; a position holds its row of that (`Held`), which costs nothing until the clause is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.facts.linearity import is_affine
from karush.compiler.lowering import pieces as sparse
from karush.compiler.lowering.affine import Affine, AffineForms
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.pieces import Held, Piece, Scattered, Sizes, Source
from karush.compiler.lowering.scope import Scope, View
from karush.compiler.lowering.segments import Segment, find_affine_segments, find_segments
from karush.compiler.lowering.sparse_clauses import finished, leaving, reordered, sorted_by_key
from karush.compiler.model import Binder, Expr, Named


def mapped(form: Affine, constant: Any, change: Callable[[Piece], Piece]) -> Affine:
    """The form with every piece changed, and another constant."""
    return Affine(constant, {name: tuple(map(change, block)) for name, block in form.blocks.items()})


@dataclass(frozen=True, eq=False)
class SparseLanes(AffineForms):
    """How forms enter and leave clauses; ``levels`` are the scopes of clauses with their depth and binder."""

    levels: dict[Scope, tuple[int, Binder]] = field(default_factory=dict)

    def level(self, scope: Scope) -> int:
        """The number of clauses around a scope."""
        here = next(self.around(scope), None)
        return 0 if here is None else here[0]

    def around(self, scope: Scope) -> Iterator[tuple[int, Binder]]:
        """The clauses around a scope, the innermost first."""
        at: Scope | None = scope
        while at is not None:
            if at in self.levels:
                yield self.levels[at]
            at = at.parent

    def _kept(self, body: Expr, holds: Any, shape: Sizes, scope: Scope) -> Affine:
        """The body where a filter holds, 0 elsewhere, ready to leave the clause."""
        if holds is True or is_number(holds):
            form = self.form(body, scope)
        else:
            form = self.form(body, scope if scope.dependence.regular(body) else scope.guarded(holds))
        constant = None if form.constant is None else self._filled(form.constant, shape, scope)
        if holds is not True:
            constant = None if constant is None else jnp.where(holds, constant, 0)
            factor = jnp.asarray(holds, scope.inputs.dtype)
            form = mapped(form, constant, lambda piece: sparse.scale(piece, factor))
        return Affine(constant, {name: leaving(block, shape) for name, block in form.blocks.items()})

    def leaving(self, form: Affine, shape: Sizes, scope: Scope) -> Affine:
        """A form as it may leave a clause."""
        constant = None if form.constant is None else self._filled(form.constant, shape, scope)
        return Affine(constant, {name: leaving(block, shape) for name, block in form.blocks.items()})

    def lanes(
        self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Callable[[Scope], Any]
    ) -> Any:
        """`Clauses.lanes` for what may hold pieces; those over its positions come out."""
        lets = (n for n in walk(*bodies) if isinstance(n, Named) and scope.dependence.vars(n) and scope.binds(n))
        for node in lets:
            if is_affine(node, scope.dependence):
                self.form(node, scope)
        if not binders:
            return run(scope)

        def is_key(binder: Binder) -> bool:
            return bool(find_segments(binder, bodies, scope) or find_affine_segments(binder, bodies, scope))

        order = sorted(binders, key=is_key)
        found = self._over(scope, order, bodies, run)
        if order == list(binders):
            return found
        lengths = [scope.inputs.size(binder.length) for binder in order]
        return reordered(found, [order.index(b) for b in binders], lengths)

    def _over(
        self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Callable[[Scope], Any]
    ) -> Any:
        binder, rest = binders[0], binders[1:]
        inputs, clauses, level = scope.inputs, self.evaluator.clauses, self.level(scope)
        clauses.hoist(bodies, scope)
        slices = clauses.slices(bodies, binder, scope)
        sums = {s.reduce: clauses.segment(s, scope) for s in find_segments(binder, bodies, scope)}
        forms = {s.reduce: self._segment(s, scope) for s in find_affine_segments(binder, bodies, scope)}
        length = inputs.size(binder.length)
        positions = inputs.size(binder.start) + binder.step * jnp.arange(length)

        def lane(at: tuple[Array, Array], arrays: list[Array], values: list[Array], constants: list[Any]) -> Any:
            inner = scope.inner({binder: at[0]})
            self.levels[inner] = level + 1, binder
            inner.views.update({s: View(a, v.items) for (s, v), a in zip(slices.items(), arrays, strict=True)})
            inner.values.update(zip(sums, values, strict=True))
            for (node, form), constant in zip(forms.items(), constants, strict=True):
                inner.affine[node] = self._row(node, form, constant, at[1], inner)
            return self._over(inner, rest, bodies, run) if rest else run(inner)

        given = (positions, jnp.arange(length)), [view.array for view in slices.values()], list(sums.values())
        left = jax.vmap(lane)(*given, [form.constant for form in forms.values()])
        return finished(left, length, level)

    def _row(self, node: Expr, form: Affine, constant: Any, place: Array, scope: Scope) -> Affine:
        """The sum for one key, from those for all keys."""
        shape, dtype = scope.inputs.shape(node.shape), scope.inputs.dtype
        width = sparse.size_of(shape)
        rows = (place * width + jnp.arange(width)).reshape(shape).astype(jnp.int32)
        ones = jnp.ones(shape, dtype)

        def held(piece: Piece) -> Held:
            assert isinstance(piece, Scattered)
            return Held(ones, rows, Source(piece))

        return mapped(form, constant, held)

    def _segment(self, segment: Segment, scope: Scope) -> Affine:
        """The sum for every index of the outer binder, that binder's axis in front."""
        expr, binder, inputs = segment.reduce, segment.binder, scope.inputs
        shape, number, level = inputs.shape(expr.body.shape), inputs.size(binder.length), self.level(scope)
        evaluate = self.evaluator.value

        def run(inner: Scope) -> tuple[Affine, Array]:
            key = evaluate(segment.key, inner)
            within = inner.inner({binder: key})
            holds: Any = True
            for condition in segment.rest:
                holds = jnp.logical_and(holds, evaluate(condition, within))
            offset = key - inputs.size(binder.start)
            place = offset // binder.step
            inside = holds & (offset == place * binder.step) & (place >= 0) & (place < number)
            return self._kept(expr.body, inside, shape, within), jnp.where(inside, place, number)

        form, places = self.lanes(scope, expr.binders, (segment.key, *segment.rest, expr.body), run)
        flat = places.reshape(-1)
        constant = form.constant
        if constant is not None:
            constant = jax.ops.segment_sum(constant.reshape((-1, *shape)), flat, num_segments=number)
        total = mapped(form, constant, lambda piece: sorted_by_key(piece, places, shape, number, level))
        if expr.operator == "sum":
            return total
        counts = jax.ops.segment_sum(jnp.ones(flat.shape, inputs.dtype), flat, num_segments=number)
        share = jnp.broadcast_to((1 / counts).reshape((number, *(1 for _ in shape))), (number, *shape))
        scaled = None if constant is None else constant * share
        return mapped(total, scaled, lambda piece: sparse.scale(piece, share))

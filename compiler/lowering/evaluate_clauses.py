"""``for`` clauses in JAX: a vmap over the positions of each binder.

What does not depend on a binder is computed outside its vmap. Entries ``x[i + 1]`` along the binder i become one
slice of x that is mapped over, not a gather. A reduction ``sum(e for l in m if src[l] == i)`` within a clause over i
becomes a segment sum over all l at once: its cost is that of one pass over l, never n passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import children, walk
from karush.compiler.lowering import blocks
from karush.compiler.lowering.array_reductions import IDENTITY, JOINED, combine, kept_where, segment_reduce
from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.indexing import run_along, slice_along
from karush.compiler.lowering.scope import Scope, View
from karush.compiler.lowering.segments import Segment, find_segments
from karush.compiler.lowering.sparse_rules import is_too_large, sparse_value
from karush.compiler.model import (
    Apply,
    At,
    Binder,
    Comprehension,
    Expr,
    Kind,
    Reduce,
    Subscript,
)
from karush.stdlib.primitives.extremes import over_first_axis, over_segments
from karush.stdlib.primitives.rule import Rule

SIGNS = {"max": 1.0, "min": -1.0}
"""The reductions that take one entry."""

Run = Callable[[Scope], Any]
Extreme = Callable[[Reduce, Rule, Array, Scope], Array]

CARRIED = ("sum", "mean", "prod", "logsumexp")
"""Reductions that are carried from block to block."""


@dataclass(frozen=True, eq=False)
class Lanes:
    """The lanes of a clause over its first binder: ``lane(*entries of inputs)``, ``length`` of them."""

    lane: Callable[..., Any]
    inputs: tuple[Any, ...]
    length: Any


@dataclass(frozen=True, eq=False)
class Clauses:
    """Evaluates clauses by means of ``value(expr, scope)``, the outermost in blocks where they are ``checkpointed``.

    ``extreme(node, rule, array, scope)`` is the value of a rule of greatest or least entries, with its ties.
    """

    value: Callable[[Expr, Scope], Any]
    extreme: Extreme
    checkpointed: bool = False

    # ------------------------------------------------------------ mapping

    def lanes(self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Run) -> Any:
        """``run(scope)`` at every combination of the binders: arrays get the binders' axes in front, in order.

        ``bodies`` are the expressions that ``run`` evaluates.
        """
        if not binders:
            return run(scope)
        order = self.order(scope, binders, bodies)
        mapped = self._map(scope, order, bodies, run)
        if order == list(binders):
            return mapped
        axes = [order.index(b) for b in binders]
        return jax.tree.map(lambda a: jnp.transpose(a, (*axes, *range(len(axes), jnp.ndim(a)))), mapped)

    @staticmethod
    def order(scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr]) -> list[Binder]:
        """The binders in the order in which they are mapped over."""
        return sorted(binders, key=lambda b: bool(find_segments(b, bodies, scope)))

    def _map(self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Run) -> Any:
        outermost = self._in_blocks(scope, binders)
        lanes = self._lanes(scope, binders, bodies, run)
        if outermost:
            return blocks.mapped(lanes.lane, lanes.inputs, lanes.length)
        return jax.vmap(lanes.lane)(*lanes.inputs)

    def _in_blocks(self, scope: Scope, binders: Sequence[Binder]) -> bool:
        """Whether a clause is evaluated in blocks: one that stands in no other, and has several."""
        if not self.checkpointed or not binders or not blocks.is_divided(scope.inputs.size(binders[0].length)):
            return False
        if scope.inputs.probe is not None:  # the copies in the last block would be counted
            return False
        outer: Scope | None = scope
        while outer is not None and not outer.binders:
            outer = outer.parent
        return outer is None

    def _lanes(self, scope: Scope, binders: Sequence[Binder], bodies: Sequence[Expr], run: Run) -> Lanes:
        binder, rest = binders[0], binders[1:]
        inputs = scope.inputs
        self.hoist(bodies, scope)
        slices = self.slices(bodies, binder, scope)
        segments = {s.reduce: self.segment(s, scope) for s in find_segments(binder, bodies, scope)}
        length = inputs.size(binder.length)
        positions = inputs.size(binder.start) + binder.step * jnp.arange(length)

        def lane(index: Array, arrays: list[Array], sums: list[Array]) -> Any:
            inner = scope.inner({binder: index})
            inner.views.update({s: View(a, v.items) for (s, v), a in zip(slices.items(), arrays, strict=True)})
            inner.values.update(zip(segments, sums, strict=True))
            return self._map(inner, rest, bodies, run) if rest else run(inner)

        arrays = [view.array for view in slices.values()]
        return Lanes(lane, (positions, arrays, list(segments.values())), length)

    def hoist(self, bodies: Sequence[Expr], scope: Scope) -> None:
        """Evaluate here the greatest expressions that need no binder of the clause."""
        for node in self.outside(bodies, scope):
            self.value(node, scope)

    def outside(self, bodies: Sequence[Expr], scope: Scope) -> Iterator[Expr]:
        """The greatest expressions below the bodies of a clause that can be evaluated outside it."""
        stack, seen = [(body, False) for body in bodies], set()
        while stack:
            node, optional = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if sparse_value(node, scope, self.value) is not None:
                continue
            regular = scope.dependence.regular(node)
            if scope.known(node) and (regular or not optional):
                yield node
            else:
                below = optional or (isinstance(node, Apply) and node.atom == "if") or _is_filtered(node)
                stack.extend((child, below) for child in children(node))

    def slices(self, bodies: Sequence[Expr], binder: Binder, scope: Scope) -> dict[Subscript, View]:
        """Subscripts with exactly one index along the binder, moved so that the mapped axis leads."""
        found: dict[Subscript, View] = {}
        for node in walk(*bodies):
            if isinstance(node, Subscript) and scope.known(node.value):
                view = self._slice(node, binder, scope)
                if view is not None:
                    found[node] = view
        return found

    def _slice(self, node: Subscript, binder: Binder, scope: Scope) -> View | None:
        kept = scope.view(node)
        items = node.items if kept is None else kept.items
        using = [
            axis
            for axis, item in enumerate(items)
            if isinstance(item, At) and binder in scope.dependence.binders(item.index)
        ]
        if len(using) != 1:
            return None
        (axis,) = using
        item = items[axis]
        run = run_along(item.index, binder, scope.inputs) if isinstance(item, At) else None
        if run is None:
            return None
        matrix = None if kept is not None else sparse_value(node.value, scope, self.value)
        if matrix is not None and is_too_large(matrix):
            return None
        array = self.value(node.value, scope) if kept is None else kept.array
        part = slice_along(jnp.asarray(array), axis, scope.inputs.size(binder.length), run)
        return None if part is None else View(jnp.moveaxis(part, axis, 0), items[:axis] + items[axis + 1 :])

    # ------------------------------------------------------------ comprehensions and reductions

    def comprehension(self, expr: Comprehension, scope: Scope) -> Array:
        """``[body for binders]``."""
        dtype = scope.inputs.dtype if expr.kind is Kind.REAL else None
        shape = scope.inputs.shape(expr.body.shape)

        def run(inner: Scope) -> Array:
            return jnp.broadcast_to(jnp.asarray(self.value(expr.body, inner), dtype), shape)

        return self.lanes(scope, expr.binders, (expr.body,), run)

    def reduce(self, expr: Reduce, scope: Scope) -> Array:
        """``operator(body for binders if condition)`` over the binders alone."""
        bodies = (expr.body,) if expr.condition is None else (expr.condition, expr.body)
        dtype = scope.inputs.dtype if expr.kind is Kind.REAL else None
        shape = scope.inputs.shape(expr.body.shape)

        def run(inner: Scope) -> tuple[Array, Array]:
            holds = True if expr.condition is None else self.value(expr.condition, inner)
            value = self.filtered(expr.body, holds, inner)
            value = jnp.broadcast_to(jnp.asarray(value, dtype), shape)
            return value if holds is True else kept_where(holds, value, expr.operator), jnp.asarray(holds)

        order = self.order(scope, expr.binders, bodies)
        if expr.kind is Kind.REAL and expr.operator in CARRIED and self._in_blocks(scope, order):
            return self._folded(expr, self._lanes(scope, order, bodies, run), shape, scope.inputs.dtype)
        values, holds = self.lanes(scope, expr.binders, bodies, run)
        if expr.operator in SIGNS and expr.kind is Kind.REAL:
            return self.extreme(expr, over_first_axis(SIGNS[expr.operator]), values.reshape(-1, *shape), scope)
        return combine(expr.operator, values, holds, len(expr.binders))

    @staticmethod
    def _folded(expr: Reduce, lanes: Lanes, shape: tuple[Any, ...], dtype: Any) -> Array:
        """A reduction in blocks; what counts for nothing has the identity, as where a filter does not hold."""
        axes = len(expr.binders)
        total = "sum" if expr.operator == "mean" else expr.operator

        def fold(carry: tuple[Array, Array], found: tuple[Array, Array], counts: Array) -> tuple[Array, Array]:
            values, holds = found
            counts = counts.reshape((-1, *(1 for _ in range(axes - 1))))
            number = jnp.sum(holds & counts, axis=tuple(range(axes)))
            used = kept_where(counts.reshape(counts.shape + (1,) * len(shape)), values, total)
            part = combine(total, used, holds, axes).astype(dtype)
            return JOINED[total](carry[0], part), carry[1] + number.astype(dtype)

        start = (jnp.full(shape, IDENTITY[total], dtype), jnp.zeros((), dtype))
        result, number = blocks.folded(lanes.lane, lanes.inputs, lanes.length, start, fold)
        return result / number if expr.operator == "mean" else result

    def filtered(self, body: Expr, holds: Any, scope: Scope) -> Any:
        """The body where a filter holds, something harmless elsewhere."""
        counting = scope.inputs.probe is not None  # then a filter says which ties count
        if is_number(holds) or (scope.dependence.regular(body) and not counting):
            return self.value(body, scope)
        return self.value(body, scope.guarded(holds))

    def segment(self, segment: Segment, scope: Scope) -> Array:
        """The reduction for every index of the outer binder, that binder's axis in front.

        Within the body the outer binder is the key itself: where ``src[l] == i``, any i may be written src[l].
        """
        expr, binder = segment.reduce, segment.binder
        dtype = scope.inputs.dtype if expr.kind is Kind.REAL else None
        shape = scope.inputs.shape(expr.body.shape)
        number = scope.inputs.size(binder.length)

        def run(inner: Scope) -> tuple[Array, Array]:
            key = self.value(segment.key, inner)
            within = inner.inner({binder: key})
            holds: Any = True
            for condition in segment.rest:
                holds = jnp.logical_and(holds, self.value(condition, within))
            value = jnp.broadcast_to(jnp.asarray(self.filtered(expr.body, holds, within), dtype), shape)
            offset = key - scope.inputs.size(binder.start)
            place = offset // binder.step
            inside = holds & (offset == place * binder.step) & (place >= 0)
            return value, jnp.where(inside, place, number)

        bodies = (segment.key, *segment.rest, expr.body)
        values, places = self.lanes(scope, expr.binders, bodies, run)
        values = values.reshape((-1, *shape))
        if expr.operator in SIGNS and expr.kind is Kind.REAL:
            rule = over_segments(SIGNS[expr.operator], places.reshape(-1), number)
            return self.extreme(expr, rule, values, scope)
        return segment_reduce(expr.operator, values, places.reshape(-1), number)


def _is_filtered(node: Expr) -> bool:
    return isinstance(node, Reduce) and node.condition is not None

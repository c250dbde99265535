"""``if`` along a direction: at a switch the branch that the tangent moves into has the derivative.

Where a condition compares equal quantities, x stands on the seam of two pieces. The value is that of the branch taken,
the derivative along t that of the branch in which x + ε t lies, for all small ε > 0 (stdlib/primitives/ties.py). In a
piecewise linear model the branch is the one in which the linear models of the compared quantities put x + t, and what
moves is the difference of the branches' own models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.model import Apply, Expr, Kind
from karush.stdlib.primitives.ties import Directional, Increment, columns, first_sign

Values = Callable[[Expr], Any]
Side = Callable[[Array, Array], Array]

COMPARED: Mapping[str, Side] = {
    "less": jnp.less,
    "less_equal": jnp.less_equal,
    "greater": jnp.greater,
    "greater_equal": jnp.greater_equal,
    "equal": jnp.equal,
    "not_equal": jnp.not_equal,
}
"""Comparisons; beside a tie that of the sign in which the difference moves with 0."""


def comparisons(condition: Expr) -> Iterator[Apply]:
    """The comparisons of real quantities that a condition is made of."""
    pending = [condition]
    while pending:
        node = pending.pop()
        if not isinstance(node, Apply):
            continue
        if node.atom in ("and", "or", "not"):
            pending += node.arguments
        elif node.atom in COMPARED and Kind.REAL in {a.kind for a in node.arguments}:
            yield node


def gaps(condition: Expr, value: Values) -> Array | None:
    """How far the nearest comparison is from a tie; None where nothing real is compared."""
    sides = [[jnp.asarray(value(a)) for a in node.arguments] for node in comparisons(condition)]
    if not sides:
        return None
    apart = jnp.broadcast_arrays(*(jnp.abs(left - right) for left, right in sides))
    return jnp.min(jnp.stack(apart), axis=0)


def on_seam(condition: Expr, value: Values) -> Array:
    """Is a comparison at a tie?"""
    gap = gaps(condition, value)
    return jnp.asarray(False) if gap is None else gap == 0


def choose_along(condition: Expr, value: Values, branches: Sequence[Array], tie: Directional | Increment) -> Array:
    """``if condition then a else b`` for branches (a, b), with the derivative of the branch that is moved into."""
    dtype = jnp.result_type(*branches)
    nodes = list(dict.fromkeys(comparisons(condition)))
    count = [len(node.arguments) for node in nodes]
    operands = [jnp.asarray(value(a), dtype) for node in nodes for a in node.arguments]

    def truth(of_leaf: dict[Apply, Array]) -> Array:
        return jnp.asarray(_truth(condition, of_leaf, value))

    @jax.custom_jvp
    def choose(chosen: Array, otherwise: Array, *sides: Array) -> Array:
        holds = truth({n: COMPARED[n.atom](*pair) for n, pair in zip(nodes, _pairs(sides, count), strict=True)})
        return jnp.where(holds, chosen, otherwise)

    @choose.defjvp
    def choose_jvp(primals: Sequence[Array], tangents: Sequence[Array]) -> tuple[Array, Array]:
        leaves: dict[Apply, Array] = {}
        for node, pair, moved in zip(nodes, _pairs(primals[2:], count), _pairs(tangents[2:], count), strict=True):
            leaves[node] = _beyond(COMPARED[node.atom], pair, moved, tie)
        value_here = choose(*primals)
        if isinstance(tie, Increment):
            ends = primals[0] + tangents[0], primals[1] + tangents[1]
            return value_here, jnp.where(truth(leaves), *ends) - value_here
        moved_here = jnp.where(truth(leaves), tangents[0], tangents[1])
        return value_here, jnp.broadcast_to(moved_here, value_here.shape)

    shape = jnp.broadcast_shapes(*(jnp.shape(b) for b in branches))
    return choose(*(jnp.broadcast_to(jnp.asarray(b, dtype), shape) for b in branches), *operands)


def _beyond(compare: Side, pair: Sequence[Array], moved: Sequence[Array], tie: Directional | Increment) -> Array:
    """The truth of a comparison beside x in the direction of the tangent, or at x + t by the linear models."""
    if isinstance(tie, Increment):
        return compare(pair[0] + moved[0], pair[1] + moved[1])
    side = first_sign(columns(jnp.broadcast_arrays(moved[0] - moved[1], pair[0] - pair[1])[0], tie))
    return jnp.where(pair[0] == pair[1], compare(side, jnp.zeros_like(side)), compare(*pair))


def _pairs(sides: Sequence[Array], count: Sequence[int]) -> list[Sequence[Array]]:
    starts = [sum(count[:k]) for k in range(len(count))]
    return [sides[start : start + number] for start, number in zip(starts, count, strict=True)]


def _truth(condition: Expr, leaves: dict[Apply, Array], value: Values) -> Any:
    if isinstance(condition, Apply):
        if condition in leaves:
            return leaves[condition]
        if condition.atom in ("and", "or", "not") and any(True for _ in comparisons(condition)):
            parts = [_truth(part, leaves, value) for part in condition.arguments]
            if condition.atom == "not":
                return jnp.logical_not(parts[0])
            return (jnp.logical_and if condition.atom == "and" else jnp.logical_or)(*parts)
    known = value(condition)
    return jnp.asarray(known) if is_number(known) else known

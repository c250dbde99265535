"""Norms, and the total variation. At a zero their derivative is a set: the ball of the dual norm, or a face of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.extremes import weights_of
from karush.stdlib.primitives.piecewise import ABSOLUTE, absolute
from karush.stdlib.primitives.rule import Arrays, Rule, magnitude, total
from karush.stdlib.primitives.ties import Element, Tie, columns, first_sign

Moved = Sequence[Array | None]

# ---------------------------------------------------------------- sums of magnitudes


def _norm1_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    return jnp.sum(ABSOLUTE.derivative(arguments, tangents, tie))


NORM1 = Rule(lambda x: jnp.sum(jnp.abs(x)), _norm1_derivative, ABSOLUTE.margin, elementwise=False, numbers=True)
"""Σ |x|; a number is the slope of |x| at 0."""


def _tv_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    moved = [None if t is None else jnp.diff(t) for t in tangents]
    return _norm1_derivative([jnp.diff(arguments[0])], moved, tie)


def _tv_margin(x: Array) -> tuple[Array, Array]:
    return jnp.abs(jnp.diff(x)), magnitude(x)


TV = Rule(lambda x: jnp.sum(jnp.abs(jnp.diff(x))), _tv_derivative, _tv_margin, elementwise=False, numbers=True)
"""Σ |x[i + 1] - x[i]|; a number is the slope of |x| at 0."""


# ---------------------------------------------------------------- the Euclidean norm


def first_column(directions: Array) -> Array:
    """The first of several directions that is not 0."""
    if directions.shape[0] == 1:
        return directions[0]
    moves = jnp.any(directions.reshape(directions.shape[0], -1) != 0, axis=1)
    return directions[jnp.argmax(moves)]


def _start(tangent: Array, tie: Tie) -> Array:
    """A point whose gradient is the element at 0: 0 gives 0, the least one."""
    if isinstance(tie, Element):
        side = {"left": -1.0, "right": 1.0}.get(tie.choice, 0.0) if isinstance(tie.choice, str) else 0.0
        return jnp.full_like(tangent, side)
    return first_column(columns(tangent, tie))


def _norm2_value(x: Array) -> Array:
    scale = jnp.max(jnp.abs(x), initial=0)
    unit = x / jnp.where(scale > 0, scale, 1)
    return scale * jnp.sqrt(jnp.sum(unit * unit))


def _norm2_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    (x,), (tangent,) = arguments, tangents
    if tangent is None:
        return jnp.zeros((), x.dtype)
    if tie not in NO_SIDE:
        x = jnp.where(_norm2_value(x) > 0, x, _start(tangent, tie))
    norm = norm2(x)
    return jnp.sum(x / jnp.where(norm > 0, norm, 1) * tangent)


NO_SIDE = tuple(Element(word) for word in ("min-norm", "jax", "torch", "tf"))
"""Least norm also where a framework has NaN."""

NORM2 = Rule(_norm2_value, _norm2_derivative, lambda x: (_norm2_value(x), magnitude(x)), elementwise=False)
"""√Σ x²; the derivative at 0 is the unit ball. ``left`` and ``right`` come to 0 along -(1, …, 1) and (1, …, 1)."""

norm2 = NORM2.function()


def _hypot_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    x, y = arguments
    radius = hypot(x, y)
    start = _hypot_start(x, tangents, tie)
    slopes = [
        jnp.where(radius > 0, part / jnp.where(radius > 0, radius, 1), at_origin)
        for part, at_origin in zip((x, y), start, strict=True)
    ]
    return total([None if t is None else s * t for s, t in zip(slopes, tangents, strict=True)], x)


def _hypot_start(x: Array, tangents: Moved, tie: Tie) -> tuple[Array | float, Array | float]:
    """The slopes at the origin."""
    if isinstance(tie, Element):
        word = tie.choice if isinstance(tie.choice, str) else "min-norm"
        return {"left": (-1.0, 0.0), "right": (1.0, 0.0), "jax": (0.5, 0.5)}.get(word, (0.0, 0.0))
    across, up = (columns(jnp.zeros_like(x) if t is None else t, tie) for t in tangents)
    first = jnp.argmax((across != 0) | (up != 0), axis=0)[None]
    pair = [jnp.take_along_axis(part, first, axis=0)[0] for part in (across, up)]
    length = jnp.hypot(*pair)
    safe = jnp.where(length > 0, length, 1)
    return pair[0] / safe, pair[1] / safe


HYPOT = Rule(jnp.hypot, _hypot_derivative, lambda x, y: (jnp.hypot(x, y), magnitude(x, y)))
"""√(x² + y²); the derivative at the origin is the unit disc. ``left`` and ``right`` come to it along x."""

hypot = HYPOT.function()


# ---------------------------------------------------------------- the greatest magnitude


def _both_signs(x: Array) -> Array:
    flat = x.ravel()
    return jnp.concatenate([flat, -flat])


def _norminf_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    """As of the greatest of all entries and their negatives; JAX has 1/(2n) at 0."""
    (x,), (tangent,) = arguments, tangents
    if tangent is None or x.size == 0:
        return jnp.zeros((), x.dtype)
    weights = weights_of(_both_signs(x), _both_signs(tangent), tie)
    slope = weights[: x.size] - weights[x.size :]
    if tie == Element("jax"):
        slope = jnp.where(jnp.any(x != 0), slope, 0.5 / x.size)
    return jnp.sum(slope * tangent.ravel())


def _norminf_margin(x: Array) -> tuple[Array, Array]:
    """How far the second greatest magnitude is below the greatest, and that above 0."""
    ascending = jnp.sort(jnp.abs(x).ravel())
    below = ascending[-2] if x.size > 1 else 0
    return ascending[-1] - below, magnitude(x)


NORMINF = Rule(lambda x: jnp.max(jnp.abs(x), initial=0), _norminf_derivative, _norminf_margin, elementwise=False)
"""max |x|; k equal ones share the derivative."""


# ---------------------------------------------------------------- p-norms


def _powers(x: Array, p: Array) -> tuple[Array, Array]:
    """(|x|/max |x|)^p, and the greatest magnitude."""
    scale = jnp.max(jnp.abs(x), initial=0)
    unit = jnp.abs(x) / jnp.where(scale > 0, scale, 1)
    return jnp.where(unit > 0, unit, 0) ** p, scale


def _norm_value(x: Array, p: Array) -> Array:
    powers, scale = _powers(x, p)
    return scale * jnp.sum(powers) ** (1 / p)


def _norm_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    """With u = |x|/max |x|: ∂‖x‖/∂x = sign(x) u^(p-1)/(Σ u^p)^((p-1)/p), ∂‖x‖/∂p = ‖x‖ Σ v^p log v/p, v = |x|/‖x‖."""
    x, p = arguments
    in_x = None if tangents[0] is None else jnp.sum(_norm_slope(x, p, tangents[0], tie) * tangents[0])
    return total([in_x, None if tangents[1] is None else _norm_in_p(x, p) * tangents[1]], jnp.zeros((), x.dtype))


def _norm_slope(x: Array, p: Array, tangent: Array, tie: Tie) -> Array:
    zero = ~jnp.any(x != 0)
    start = jnp.where(zero, _start(tangent, tie), x)
    size = absolute(start)
    scale = norminf(start)
    unit = size / jnp.where(scale > 0, scale, 1)
    used = unit > 0
    safe = jnp.where(used, unit, 1)
    powers = jnp.where(used, safe**p, 0)
    whole = jnp.where(scale > 0, jnp.sum(powers), 1)
    slope = jnp.where(used, jnp.sign(start) * safe ** (p - 1), 0) / whole ** ((p - 1) / p)
    return jnp.where((p == 1) & (x == 0), _sign_at_zero(tangent, tie), slope)


def _sign_at_zero(tangent: Array, tie: Tie) -> Array | float:
    """The slope of |x| at 0."""
    if isinstance(tie, Element):
        return {"left": -1.0, "right": 1.0, "jax": 1.0}.get(str(tie.choice), 0.0)
    return first_sign(columns(tangent, tie))


def _norm_in_p(x: Array, p: Array) -> Array:
    norm = norm_p(x, p)
    unit = absolute(x) / jnp.where(norm > 0, norm, 1)
    safe = jnp.where(unit > 0, unit, 1)
    return norm * jnp.sum(safe**p * jnp.log(safe)) / p


def _norm_margin(x: Array, p: Array) -> tuple[Array, Array]:
    """How far from 0; where p = 1 every entry."""
    norm = _norm_value(x, p)
    return jnp.where(p == 1, jnp.abs(x), norm / x.size), magnitude(x)


NORM = Rule(_norm_value, _norm_derivative, _norm_margin, elementwise=False)
"""(Σ |x|^p)^(1/p) for p >= 1."""

norm_p, norminf = NORM.function(), NORMINF.function()

RULES: Mapping[str, Rule] = {
    "norm1": NORM1,
    "norm2": NORM2,
    "norminf": NORMINF,
    "norm": NORM,
    "hypot": HYPOT,
    "tv": TV,
}

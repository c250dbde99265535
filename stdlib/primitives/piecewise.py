"""Piecewise functions, elementwise. Every one owns its derivative at the tie.

The weights of all arguments sum to the derivative along the tie: moving x and its bound together moves ``clip`` by as
much. ``lax.clamp`` does not have that and is not used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.extremes import pair_weight
from karush.stdlib.primitives.kinks import Kink, kinked, slope_at_zero
from karush.stdlib.primitives.rule import Arrays, Rule, magnitude, total
from karush.stdlib.primitives.tangents import real
from karush.stdlib.primitives.ties import LEAST, Element, Tie

ArrayLike = jax.typing.ArrayLike
Moved = Sequence[Array | None]

# ---------------------------------------------------------------- of one argument

RELU = kinked(lambda x: jnp.maximum(x, 0), (0.0, 1.0), (Kink(0.0),))
"""max(x, 0)."""

NEG_PART = kinked(lambda x: jnp.maximum(-x, 0), (-1.0, 0.0), (Kink(0.0),))
"""max(-x, 0)."""

ABSOLUTE = kinked(jnp.abs, (-1.0, 1.0), (Kink(0.0, jax=1.0),), least=jnp.sign)
"""|x|; JAX has the slope 1 at 0."""


# ---------------------------------------------------------------- leaky_relu


def _leaky_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    """Slope 1 to the right of 0, ``slope`` to the left; 0 there is the lesser of the two, as the slope is in [0, 1]."""
    x, slope = arguments
    here = slope_at_zero(x, slope, tangents[0], tie, ("right", "jax"))
    moved = [None if tangents[0] is None else here * tangents[0]]
    moved += [None if tangents[1] is None else jnp.where(x > 0, 0, x) * tangents[1]]
    return total(moved, x)


LEAKY_RELU = Rule(
    lambda x, slope: jnp.where(x > 0, x, slope * x),
    _leaky_derivative,
    lambda x, slope: (jnp.where(slope == 1, jnp.inf, jnp.abs(x)), magnitude(x)),
    numbers=True,
)
"""max(x, slope x) for a slope in [0, 1]."""


# ---------------------------------------------------------------- clip

_CLIP_SHARE: Mapping[str, tuple[float, float]] = {
    LEAST: (0.0, 0.0),
    "jax": (0.5, 0.5),
    "torch": (1.0, 1.0),
    "tf": (1.0, 1.0),
    "left": (0.0, 1.0),
    "right": (1.0, 0.0),
}
"""The weight of x where it is equal to the lower, and to the upper bound; the bound has the rest of 1.

Least norm is that in x: bounds are numbers as a rule, and the set in x is then [0, 1].
"""


def _clip_share(tie: Element) -> tuple[float, float]:
    return _CLIP_SHARE[tie.choice] if isinstance(tie.choice, str) else (tie.choice, tie.choice)


def _clip_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    """min(max(x, lower), upper): x and the lower bound share at one kink, the result and the upper one at the other."""
    x, lower, upper = arguments
    raised = jnp.maximum(x, lower)
    if isinstance(tie, Element):
        at_lower, at_upper = _clip_share(tie)
        inner = _weight(x > lower, x == lower, at_lower, x)
        outer = _weight(raised < upper, raised == upper, at_upper, x)
    else:
        inner = pair_weight(x, lower, tangents[:2], tie, 1.0)
        moved = total(_mixed(inner, tangents[0], tangents[1]), x)
        outer = pair_weight(raised, upper, (moved, tangents[2]), tie, -1.0)
    below = _mixed(inner, tangents[0], tangents[1])
    return total([*(_scaled(outer, t) for t in below), _scaled(1 - outer, tangents[2])], x)


def _weight(inside: Array, tied: Array, share: float, like: Array) -> Array:
    weight = inside.astype(like.dtype)
    return weight if share == 0 else jnp.where(tied, jnp.asarray(share, like.dtype), weight)


def _mixed(weight: Array, first: Array | None, second: Array | None) -> list[Array | None]:
    return [_scaled(weight, first), _scaled(1 - weight, second)]


def _scaled(weight: Array, tangent: Array | None) -> Array | None:
    return None if tangent is None else weight * tangent


def _clip_margin(x: Array, lower: Array, upper: Array) -> tuple[Array, Array]:
    inside = jnp.where(jnp.isfinite(jnp.stack([lower, upper])), jnp.stack([lower, upper]), 0)
    return jnp.minimum(jnp.abs(x - lower), jnp.abs(jnp.maximum(x, lower) - upper)), magnitude(x, inside)


CLIP = Rule(
    lambda x, lower, upper: jnp.minimum(jnp.maximum(x, lower), upper), _clip_derivative, _clip_margin, numbers=True
)
"""x moved into [lower, upper]; a number is the weight of x at a bound."""


RULES: Mapping[str, Rule] = {
    "relu": RELU,
    "neg_part": NEG_PART,
    "abs": ABSOLUTE,
    "leaky_relu": LEAKY_RELU,
    "clip": CLIP,
}

absolute, clip = ABSOLUTE.function(), CLIP.function()


# ---------------------------------------------------------------- jumps


def sign(x: ArrayLike) -> Array:
    """-1, 0 or 1."""
    return jnp.sign(real(x))


def floor(x: ArrayLike) -> Array:
    """The greatest integer at most x."""
    return jnp.floor(real(x))


def ceil(x: ArrayLike) -> Array:
    """The least integer at least x."""
    return jnp.ceil(real(x))


def round_half_even(x: ArrayLike) -> Array:
    """The nearest integer; halves to even."""
    return jnp.round(real(x))

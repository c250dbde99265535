"""Activation functions of networks that are made of pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.kinks import Kink, kinked, slope_at_zero
from karush.stdlib.primitives.rule import Arrays, Rule, magnitude, total
from karush.stdlib.primitives.ties import Tie

Moved = Sequence[Array | None]


def _between(x: Array, lower: float, upper: float) -> Array:
    return jnp.minimum(jnp.maximum(x, lower), upper)


RELU6 = kinked(lambda x: _between(x, 0, 6), (0.0, 1.0, 0.0), (Kink(0.0), Kink(6.0)))
"""min(max(x, 0), 6)."""

HARD_TANH = kinked(lambda x: _between(x, -1, 1), (0.0, 1.0, 0.0), (Kink(-1.0, jax=1.0), Kink(1.0, jax=1.0)))
"""x moved into [-1, 1]; JAX has the slope 1 at the ends."""

HARD_SIGMOID = kinked(lambda x: _between(x + 3, 0, 6) / 6, (0.0, 1 / 6, 0.0), (Kink(-3.0), Kink(3.0)))
"""min(max(x + 3, 0), 6)/6."""

HARD_SWISH = kinked(
    lambda x: x * _between(x + 3, 0, 6) / 6,
    (0.0, lambda x: (2 * x + 3) / 6, 1.0),
    (Kink(-3.0, right=-0.5), Kink(3.0, left=1.5)),
)
"""x min(max(x + 3, 0), 6)/6."""

SELU_SCALE, SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717
_SELU_LEFT = SELU_SCALE * SELU_ALPHA


def _selu(x: Array) -> Array:
    return SELU_SCALE * jnp.where(x > 0, x, SELU_ALPHA * jnp.expm1(jnp.minimum(x, 0)))


SELU = kinked(
    _selu,
    (lambda x: _SELU_LEFT * jnp.exp(jnp.minimum(x, 0)), SELU_SCALE),
    (Kink(0.0, left=_SELU_LEFT, torch=_SELU_LEFT, jax=_SELU_LEFT, tf=_SELU_LEFT),),
)
"""The self-normalising unit (Klambauer et al. 2017): scale · (x for x > 0, alpha (eˣ - 1) otherwise)."""


def _elu_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    """Slope 1 to the right of 0, alpha eˣ to the left; alpha is the lesser one at 0, as it is in [0, 1]."""
    x, alpha = arguments
    below = jnp.minimum(x, 0)
    here = slope_at_zero(x, alpha * jnp.exp(below), tangents[0], tie, ("right", "tf"))
    moved = [None if tangents[0] is None else here * tangents[0]]
    moved += [None if tangents[1] is None else jnp.expm1(below) * tangents[1]]
    return total(moved, x)


ELU = Rule(
    lambda x, alpha: jnp.where(x > 0, x, alpha * jnp.expm1(jnp.minimum(x, 0))),
    _elu_derivative,
    lambda x, alpha: (jnp.where(alpha == 1, jnp.inf, jnp.abs(x)), magnitude(x)),
    numbers=True,
)
"""x for x > 0, alpha (eˣ - 1) otherwise."""

RULES: Mapping[str, Rule] = {
    "relu6": RELU6,
    "hard_tanh": HARD_TANH,
    "hard_sigmoid": HARD_SIGMOID,
    "hard_swish": HARD_SWISH,
    "selu": SELU,
    "elu": ELU,
}

"""Slopes of the elementwise primitives, by the formulas of a table of derivatives.

``SLOPES[name](x, …)`` are the partial derivatives, one for each argument in order. They are written without a look at
the rules of ``primitives`` and of the ``.opt`` files, which are tested against them. At a tie a slope is the element of
least norm of the conservative derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import digamma, erf

Slopes = Callable[..., tuple[Array, ...]]


def _of_one(slope: Callable[[Array], Array]) -> Slopes:
    return lambda x: (slope(x),)


def _logistic(x: Array) -> Array:
    return 1 / (1 + jnp.exp(-x))


def _is(condition: Array, like: Array) -> Array:
    return jnp.asarray(condition, like.dtype)


def _gelu(x: Array) -> Array:
    """Φ + x φ, of the normal distribution Φ and its density φ."""
    return (1 + erf(x / jnp.sqrt(2.0))) / 2 + x * jnp.exp(-x * x / 2) / jnp.sqrt(2 * jnp.pi)


def _elu(x: Array, alpha: Array) -> tuple[Array, ...]:
    below = jnp.exp(jnp.minimum(x, 0))
    return jnp.where(x > 0, 1, alpha * below), jnp.where(x > 0, 0, below - 1)


def _leaky_relu(x: Array, slope: Array) -> tuple[Array, ...]:
    return jnp.where(x > 0, 1, slope), jnp.where(x > 0, 0, x)


def _hypot(x: Array, y: Array) -> tuple[Array, ...]:
    length = jnp.sqrt(x**2 + y**2)
    safe = jnp.where(length == 0, 1, length)
    return x / safe, y / safe


def _greatest(*x: Array) -> tuple[Array, ...]:
    """Equal shares of all arguments that are the greatest."""
    parts = jnp.stack(x)
    attained = _is(parts == jnp.max(parts, axis=0), parts)
    return tuple(attained / jnp.sum(attained, axis=0))


def _least(*x: Array) -> tuple[Array, ...]:
    return _greatest(*(-part for part in x))


def _clip(x: Array, lower: Array, upper: Array) -> tuple[Array, ...]:
    """Where the result stands at a bound it moves with the bound; with the upper one where both are equal."""
    high = _is((x >= upper) | (lower >= upper), x)
    low = _is(x <= lower, x) * (1 - high)
    return (1 - low) * (1 - high), low, high


def _rel_entr(x: Array, y: Array) -> tuple[Array, ...]:
    return jnp.log(x) - jnp.log(y) + 1, jnp.where(x == 0, 0, -x / y)


def _kl_div(x: Array, y: Array) -> tuple[Array, ...]:
    in_x, in_y = _rel_entr(x, y)
    return in_x - 1, in_y + 1


def _poisson_nll(y: Array, rate: Array) -> tuple[Array, ...]:
    return digamma(y + 1) - jnp.log(rate), 1 - y / rate


def _bernoulli_nll(y: Array, p: Array) -> tuple[Array, ...]:
    """1/(1 − p) is left out where y = 1, and 1/p where y = 0."""
    rest = jnp.where(y == 1, 0, (1 - y) / (1 - p)) - jnp.where(y == 0, 0, y / p)
    return jnp.log(1 - p) - jnp.log(p), rest


SLOPES: Mapping[str, Slopes] = {
    "exp": _of_one(jnp.exp),
    "expm1": _of_one(jnp.exp),
    "log": _of_one(lambda x: 1 / x),
    "log1p": _of_one(lambda x: 1 / (1 + x)),
    "sqrt": _of_one(lambda x: 1 / (2 * jnp.sqrt(x))),
    "square": _of_one(lambda x: 2 * x),
    "inv_pos": _of_one(lambda x: jnp.where(x > 0, -1 / x**2, jnp.nan)),
    "sin": _of_one(jnp.cos),
    "cos": _of_one(lambda x: -jnp.sin(x)),
    "tan": _of_one(lambda x: 1 / jnp.cos(x) ** 2),
    "asin": _of_one(lambda x: 1 / jnp.sqrt(1 - x**2)),
    "acos": _of_one(lambda x: -1 / jnp.sqrt(1 - x**2)),
    "atan": _of_one(lambda x: 1 / (1 + x**2)),
    "atan2": lambda y, x: (x / (x**2 + y**2), -y / (x**2 + y**2)),
    "sinh": _of_one(jnp.cosh),
    "cosh": _of_one(jnp.sinh),
    "tanh": _of_one(lambda x: 1 / jnp.cosh(x) ** 2),
    "sigmoid": _of_one(lambda x: _logistic(x) * _logistic(-x)),
    "softplus": _of_one(_logistic),
    "silu": _of_one(lambda x: _logistic(x) + x * _logistic(x) * _logistic(-x)),
    "gelu": _of_one(_gelu),
    "elu": _elu,
    "xlogx": _of_one(lambda x: 1 + jnp.log(x)),
    "entropy": _of_one(lambda x: -1 - jnp.log(x)),
    "rel_entr": _rel_entr,
    "kl_div": _kl_div,
    "poisson_nll": _poisson_nll,
    "bernoulli_nll": _bernoulli_nll,
    "abs": _of_one(jnp.sign),
    "relu": _of_one(lambda x: _is(x > 0, x)),
    "neg_part": _of_one(lambda x: -_is(x < 0, x)),
    "leaky_relu": _leaky_relu,
    "relu6": _of_one(lambda x: _is((x > 0) & (x < 6), x)),
    "hard_tanh": _of_one(lambda x: _is(jnp.abs(x) < 1, x)),
    "hard_sigmoid": _of_one(lambda x: _is(jnp.abs(x) < 3, x) / 6),
    "hard_swish": _of_one(lambda x: jnp.where(x >= 3, 1, jnp.where(x <= -3, 0, x / 3 + 0.5))),
    "selu": _of_one(lambda x: 1.0507009873554805 * jnp.where(x >= 0, 1, 1.6732632423543773 * jnp.exp(x))),
    "hypot": _hypot,
    "maximum": _greatest,
    "minimum": _least,
    "clip": _clip,
    **dict.fromkeys(("sign", "floor", "ceil", "round"), _of_one(jnp.zeros_like)),
}
"""Name of an elementwise primitive -> its partial derivatives."""

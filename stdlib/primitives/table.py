"""Every primitive by the name that ``value = primitive "name"`` gives it. Lowering alone imports this."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives import (
    activations,
    cumulative,
    eigenvalues,
    extremes,
    matrices,
    norms,
    order,
    piecewise,
    reductions,
    scalar,
)
from karush.stdlib.primitives.rule import Rule
from karush.stdlib.primitives.tangents import real
from karush.stdlib.primitives.ties import MIN_NORM, Movement

Primitive = Callable[..., Array]


def _of_reals(function: Callable[[Array], Array]) -> Primitive:
    """A function of jax.numpy whose own derivative is the one to have."""
    return lambda x: function(real(x))


RULES: Mapping[str, Rule] = {
    **piecewise.RULES,
    **activations.RULES,
    **extremes.RULES,
    **norms.RULES,
    **order.RULES,
    **cumulative.RULES,
    **eigenvalues.RULES,
}
"""Name of a primitive with kinks -> its rule."""


PRIMITIVES: Mapping[str, Primitive] = {
    **{name: rule.function(name=name) for name, rule in RULES.items()},
    **{
        name: _of_reals(getattr(jnp, name))
        for name in ("exp", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "sum", "mean")
    },
    "atan": _of_reals(jnp.arctan),
    "cumsum": _of_reals(jnp.cumsum),
    "diff": _of_reals(jnp.diff),
    "square": scalar.square,
    "sqrt": scalar.sqrt,
    "log": scalar.log,
    "log1p": scalar.log1p,
    "asin": scalar.asin,
    "acos": scalar.acos,
    "atan2": scalar.atan2,
    "xlogx": scalar.xlogx,
    "entropy": scalar.entropy,
    "rel_entr": scalar.rel_entr,
    "kl_div": scalar.kl_div,
    "inv_pos": scalar.inv_pos,
    "sigmoid": scalar.sigmoid,
    "softplus": scalar.softplus,
    "gelu": scalar.gelu,
    "silu": scalar.silu,
    "poisson_nll": scalar.poisson_nll,
    "bernoulli_nll": scalar.bernoulli_nll,
    "sign": piecewise.sign,
    "floor": piecewise.floor,
    "ceil": piecewise.ceil,
    "round": piecewise.round_half_even,
    "prod": reductions.prod,
    "sumsq": reductions.sumsq,
    "logsumexp": reductions.logsumexp,
    "softmax": reductions.softmax,
    "cross_entropy": reductions.cross_entropy,
    "geo_mean": reductions.geo_mean,
    "trace": matrices.trace,
    "diag": matrices.diag,
    "det": matrices.det,
    "logdet": matrices.logdet,
    "inv": matrices.inv,
    "solve": matrices.solve,
    "kron": matrices.kron,
    "vec": matrices.vec,
    "cholesky": matrices.cholesky,
}
"""Name of a primitive -> its evaluation in jax.numpy, differentiable as derivatives.md says."""


def primitive(name: str, tie: Movement = MIN_NORM) -> Primitive:
    """The primitive of this name, with this element of its derivative at its ties if it has any."""
    return PRIMITIVES[name] if tie == MIN_NORM or name not in RULES else RULES[name].function(tie, name)

"""Every primitive of the library on dual numbers: f(p + t e) = f(p) + f′(p) t e."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from karush.stdlib.duals.arrays import TANGENTS
from karush.stdlib.duals.elementwise import SLOPES
from karush.stdlib.duals.number import Dual, Number, dual, times
from karush.stdlib.primitives.table import PRIMITIVES

LIFTED = frozenset(SLOPES) | frozenset(TANGENTS)
"""The primitives that have a formula here."""


def lift(name: str) -> Callable[..., Dual]:
    """The primitive of this name, from and to dual numbers, of all its arguments; plain ones are constants."""
    if name not in LIFTED:
        raise KeyError(
            f"`{name}` has no formula for its derivative on dual numbers: add its partial derivatives to SLOPES in "
            f"stdlib/duals/elementwise.py where it goes entry by entry, else its tangent to TANGENTS in "
            f"stdlib/duals/arrays.py"
        )
    value = PRIMITIVES[name]

    def lifted(*arguments: Number) -> Dual:
        given = [dual(a) for a in arguments]
        primals = tuple(a.primal for a in given)
        found = value(*primals)
        tangent = _moved(name, found.shape, primals, tuple(a.tangent for a in given))
        return Dual(found, jnp.broadcast_to(tangent, found.shape).astype(found.dtype))

    return lifted


def _moved(name: str, shape: tuple[int, ...], primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> Array:
    """f′(p) t; an elementwise primitive takes arguments that broadcast."""
    if name in TANGENTS:
        return TANGENTS[name](primals, tangents)
    spread = tuple(jnp.broadcast_to(p, shape) for p in primals)
    parts = (times(s, jnp.broadcast_to(t, shape)) for s, t in zip(SLOPES[name](*spread), tangents, strict=True))
    return sum(parts, jnp.zeros(shape))

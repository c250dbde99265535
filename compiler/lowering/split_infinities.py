"""Params with their infinities split off, before anything is computed: no infinity ever meets a derivative."""

from __future__ import annotations

from collections.abc import Mapping

import jax.numpy as jnp
from jax import Array, lax

from karush.compiler.lowering.infinities import RAW


def split_infinities(params: Mapping[str, Array], bounding: frozenset[str]) -> dict[str, Array]:
    """The params with 0 for the infinite entries of those that serve as bounds, and these as given, underived."""
    result = dict(params)
    for name in sorted(bounding):
        value = params[name]
        result[name] = jnp.where(jnp.isinf(value), 0, value)
        result[RAW + name] = lax.stop_gradient(value)
    return result


def joined_infinities(params: Mapping[str, Array], bounding: frozenset[str]) -> dict[str, Array]:
    """The params with their infinities again, as an inner model takes them; what was not split stays as it is."""
    result = dict(params)
    for name in sorted(bounding):
        raw = params.get(RAW + name)
        if raw is not None:
            result[name] = jnp.where(jnp.isinf(raw), raw, params[name])
    return result

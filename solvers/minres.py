"""MINRES: the least residual of a symmetric system, indefinite or singular, by products with its matrix alone.

In step k the solution is the best in the Krylov space of k products, by the three-term recurrence of Lanczos and one
plane rotation a step (Paige and Saunders, SIAM J. Numer. Anal. 12 (1975)). From zero on a consistent singular system it
ends at the solution without a part in the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``solution``; Lanczos' last two vectors and β; the last two directions; the rotations; ``rest`` ‖b − Ku‖."""

    step: Array
    solution: Array
    before: Array
    vector: Array
    beta: Array
    older: Array
    direction: Array
    old_cosine: Array
    old_sine: Array
    cosine: Array
    sine: Array
    rest: Array


def _safe(value: Array) -> Array:
    return jnp.where(value == 0, 1, value)


def minres(product: Callable[[Array], Array], rhs: Array, steps: int, tolerance: float) -> Array:
    """u with ``product(u)`` ≈ ``rhs``, both (N,): until the residual is ``tolerance`` times ‖rhs‖, or ``steps``."""
    length = jnp.linalg.norm(rhs)
    zero, one = jnp.zeros_like(length), jnp.ones_like(length)
    nothing = jnp.zeros_like(rhs)
    first = rhs / _safe(length)
    start = _State(jnp.asarray(0), nothing, nothing, first, zero, nothing, nothing, one, zero, one, zero, rest=length)

    def unfinished(state: _State) -> Array:
        return (state.step < steps) & (jnp.abs(state.rest) > tolerance * length)

    def once(state: _State) -> _State:
        image = product(state.vector) - state.beta * state.before
        alpha = image @ state.vector
        image = image - alpha * state.vector
        beta = jnp.linalg.norm(image)
        # the new column of the tridiagonal matrix, turned by the last two rotations and by one of its own
        epsilon = state.old_sine * state.beta
        half = state.old_cosine * state.beta
        delta = state.cosine * half + state.sine * alpha
        gamma = state.cosine * alpha - state.sine * half
        size = jnp.sqrt(gamma * gamma + beta * beta)
        cosine, sine = gamma / _safe(size), beta / _safe(size)
        direction = (state.vector - delta * state.direction - epsilon * state.older) / _safe(size)
        usable = size > 0
        return _State(
            step=jnp.where(usable & (beta > 0), state.step + 1, steps),
            solution=state.solution + jnp.where(usable, cosine * state.rest, 0) * direction,
            before=state.vector,
            vector=image / _safe(beta),
            beta=beta,
            older=state.direction,
            direction=direction,
            old_cosine=state.cosine,
            old_sine=state.sine,
            cosine=cosine,
            sine=sine,
            rest=jnp.where(usable, -sine * state.rest, 0),
        )

    return lax.while_loop(unfinished, once, start).solution

"""Iterative refinement that cannot diverge: two plain steps, then generalised conjugate residuals where those fall
short.

Plain refinement u ← u + M(b − Ku) around an approximate inverse M multiplies the residual by I − KM, whatever that
does: with a good factorisation two steps reach rounding level. Where they do not, the corrections z = M r are made
orthogonal to the earlier ones in their images Kz and taken with the length that makes the residual least (Eisenstat,
Elman and Schultz, SIAM J. Numer. Anal. 20 (1983)): the residual never grows, and a few outlying eigenvalues of KM (a
nearly dependent row, a nearly singular direction) cost a step each instead of convergence.

On a singular consistent system the iterates converge to the solution without a part in the kernel of M's making; on an
inconsistent one the residual stays, which is the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

STEPS = 8

# How many earlier corrections a new one is made orthogonal to.
MEMORY = 3

# A step that gains less than this share of the residual ends it: what is left cannot be reached.
STALLED = 0.01


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Correction:
    """A direction z (N,) and its image q = Kz, weighted, of unit length."""

    direction: Array
    image: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``residual`` is weighted, ``size`` its length and ``before`` that of a step ago; the last corrections."""

    step: Array
    solution: Array
    residual: Array
    size: Array
    before: Array
    past: tuple[_Correction, ...]


def _length(vector: Array) -> Array:
    return jnp.sqrt(jnp.sum(vector * vector))


def refine(
    product: Callable[[Array], Array],
    approximate: Callable[[Array], Array],
    rhs: Array,
    weight: Array,
    steps: int = STEPS,
) -> tuple[Array, Array]:
    """Solve ``product(u) = rhs``; returns (u, relative residual).

    ``approximate`` is the preconditioner. All vectors are flat, shape (N,); residuals are measured as ‖weight·r‖₂
    relative to the right-hand side's (0 for a zero right-hand side), with K near unit size in these weights. The loop
    stops at rounding level (ε times ‖u/weight‖ and the right-hand side), after ``steps`` steps, or when a step gains
    nothing.
    """
    tolerance = 30 * float(jnp.finfo(rhs.dtype).eps)
    scale = _length(weight * rhs)

    def unfinished(state: _State) -> Array:
        rounding = tolerance * (scale + _length(state.solution / weight))
        improving = (state.size > rounding) & (state.size < (1 - STALLED) * state.before)
        return (state.step < steps) & improving

    def improve(state: _State) -> _State:
        z = approximate(state.residual / weight)
        q = weight * product(z)
        for correction in state.past:
            share = jnp.sum(q * correction.image)
            q, z = q - share * correction.image, z - share * correction.direction
        norm = _length(q)
        inverse = 1 / jnp.where(norm > 0, norm, 1)
        q, z = q * inverse, z * inverse
        length = jnp.sum(q * state.residual)
        residual = state.residual - length * q
        past = (_Correction(z, q), *state.past[:-1])
        return _State(state.step + 1, state.solution + length * z, residual, _length(residual), state.size, past)

    u = approximate(rhs)
    u = u + approximate(rhs - product(u))
    residual = weight * (rhs - product(u))
    size = _length(residual)
    better = size < scale
    zero = jnp.zeros_like(rhs)
    start = _State(
        step=jnp.asarray(0),
        solution=jnp.where(better, u, zero),
        residual=jnp.where(better, residual, weight * rhs),
        size=jnp.where(better, size, scale),
        before=scale * jnp.inf,
        past=(_Correction(zero, zero),) * MEMORY,
    )
    end = lax.while_loop(unfinished, improve, start)
    return end.solution, jnp.where(scale > 0, end.size / jnp.where(scale > 0, scale, 1), scale)

"""Iterative refinement that cannot diverge: generalised conjugate residuals around an approximate solve.

Plain refinement u ← u + M(b − Ku) multiplies the residual by I − KM, whatever that does. Here the corrections
z = M r are made K-orthogonal to the earlier ones and taken with the length that makes the residual least
(Eisenstat, Elman and Schultz, SIAM J. Numer. Anal. 20 (1983)): the residual never grows, and a few outlying
eigenvalues of KM (a nearly dependent row, a nearly singular direction) cost a step each instead of
convergence.

On a singular consistent system the iterates converge to the solution without a part in the kernel of M's
making; on an inconsistent one the residual stays, which is the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

STEPS = 8


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """Residuals are weighted; ``directions``, ``images`` (steps, N): the corrections and their products."""

    step: Array
    solution: Array
    residual: Array
    size: Array
    before: Array
    directions: Array
    images: Array


def refine(
    product: Callable[[Array], Array],
    approximate: Callable[[Array], Array],
    rhs: Array,
    weight: Array,
    steps: int = STEPS,
) -> tuple[Array, Array]:
    """Solve ``product(u) = rhs``; returns (u, relative residual).

    ``approximate`` is the preconditioner. All vectors are flat, shape (N,); residuals are measured as
    ‖weight·r‖₂ relative to the right-hand side's (0 for a zero right-hand side). Stops at rounding level,
    after ``steps`` steps, or when a step gains less than a tenth.
    """
    tolerance = 30 * float(jnp.finfo(rhs.dtype).eps)
    scale = jnp.linalg.norm(weight * rhs)
    basis = jnp.zeros((steps, *rhs.shape), rhs.dtype)

    def unfinished(state: _State) -> Array:
        improving = (state.size > tolerance * scale) & (state.size < 0.9 * state.before)
        return (state.step < steps) & improving

    def improve(state: _State) -> _State:
        z = approximate(state.residual / weight)
        q = weight * product(z)
        shares = state.images @ q
        q, z = q - shares @ state.images, z - shares @ state.directions
        norm = jnp.linalg.norm(q)
        norm = jnp.where(norm > 0, norm, 1)
        q, z = q / norm, z / norm
        length = q @ state.residual
        residual = state.residual - length * q
        return _State(
            step=state.step + 1,
            solution=state.solution + length * z,
            residual=residual,
            size=jnp.linalg.norm(residual),
            before=state.size,
            directions=lax.dynamic_update_index_in_dim(state.directions, z, state.step, 0),
            images=lax.dynamic_update_index_in_dim(state.images, q, state.step, 0),
        )

    start = _State(jnp.asarray(0), jnp.zeros_like(rhs), weight * rhs, scale, scale * jnp.inf, basis, basis)
    end = lax.while_loop(unfinished, improve, start)
    return end.solution, jnp.where(scale > 0, end.size / jnp.where(scale > 0, scale, 1), scale)

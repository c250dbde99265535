"""Solves with the KKT system of a cone program whose rows F are sparse: factorised on the host, or by products alone.

Neither makes QᵀF (framed_matrix.py). On the CPU one sparse factorisation serves every solve (host/framed_system.py).
Elsewhere it is MINRES on the equilibrated system: no factorisation, no entry beside those of the data.
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.framed_matrix import FramedMatrix
from karush.solvers.minres import minres

# Products of one solve: that many for each unknown, and at most so many.
_EACH, _MOST = 4, 4000

Parts = tuple[Array, Array, Array]


def _on_host(name: str, *arguments: Any) -> Any:
    """What needs SciPy is imported by the first call."""
    return getattr(importlib.import_module("karush.solvers.host.framed_system"), name)(*arguments)


def _split(vector: Array, like: Parts) -> Parts:
    n, p = like[0].shape[0], like[1].shape[0]
    return vector[:n], vector[n : n + p], vector[n + p :]


def framed_solve(problem: QuadraticProgram, G: FramedMatrix, scales: Parts, active_z: Array, right: Parts) -> Parts:
    """(x, ν, (μ, ω)) of the system of kkt.py; arguments as those of `sparse_factor.regularised_solve`."""
    solve = _factorised if G.on_host else _by_products
    return solve(problem, G, scales, active_z, right)


def _factorised(problem: QuadraticProgram, G: FramedMatrix, scales: Parts, active_z: Array, right: Parts) -> Parts:
    m = G.above.shape[0]
    root, own = jnp.sqrt(active_z[m:]), right[2][m:]
    flat = jnp.concatenate([right[0], right[1], right[2][:m], G.from_frame(root * own)])
    P = () if problem.quadratic is None else (problem.quadratic,)
    found: Array = jax.pure_callback(
        partial(_on_host, "solve", G.cones),
        jax.ShapeDtypeStruct(flat.shape, flat.dtype),
        (G.matrix, problem.equality_matrix, G.above, *P),
        G.bases,
        (scales[0], scales[1], scales[2][:m]),
        active_z,
        flat,
        vmap_method="sequential",
    )
    x, y, rest = _split(found, right)
    return x, y, jnp.concatenate([rest[:m], root * G.to_frame(rest[m:]) - own])


def _by_products(problem: QuadraticProgram, G: FramedMatrix, scales: Parts, active_z: Array, right: Parts) -> Parts:
    A, scale = problem.equality_matrix, jnp.concatenate(scales)

    def product(u: Array) -> Array:
        x, y, z = _split(scale * u, right)
        top = A.T @ y + G.T @ (active_z * z)
        top = top if problem.quadratic is None else top + problem.quadratic @ x
        return scale * jnp.concatenate([top, A @ x, active_z * (G @ x) - (1 - active_z) * z])

    flat = scale * jnp.concatenate(right)
    steps = min(_EACH * flat.shape[0], _MOST)
    found = minres(product, flat, steps, 10 * float(jnp.finfo(flat.dtype).eps))
    return _split(scale * found, right)


def framed_rank(problem: QuadraticProgram, G: FramedMatrix, active_z: Array, free: Array) -> Array:
    """The rank of the equalities, the active rows, and the rows of the frame with a share of 1; a float."""
    found: Array = jax.pure_callback(
        partial(_on_host, "rank", G.cones),
        jax.ShapeDtypeStruct((), free.dtype),
        (G.matrix, problem.equality_matrix, G.above),
        G.bases,
        active_z,
        free,
        vmap_method="sequential",
    )
    return found

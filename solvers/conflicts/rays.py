"""Rays of descent that can be read: with few variables in them, and what would stop them.

A ray d has  Pd = 0, Ad = 0, qᵀd = −1, and keeps every side of Gx and x (certificates.py). With |d| and the slacks of
the rows as nonnegative unknowns these are linear equations, so a ray is brought to a basic one (vertices.py): an
extreme ray of the part of the cone in which its variables move the same way.

A bound on one variable alone stops all descent if the least slope within that bound is 0:

    minimize qᵀd    subject to    Pd = 0,  Ad = 0,  the sides,  −1 ≤ d ≤ 1,  and d_j = 0 at most in its direction.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers import interior_point
from karush.solvers.conflicts.conditions import Conditions
from karush.solvers.conflicts.vertices import basic
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.result import Status

Array = np.ndarray

NEGLIGIBLE = 1e-7
MOST_UNKNOWNS = 3000
"""A ray with more variables and slacks than this is left as it is."""


def simple_ray(conditions: Conditions, problem: QuadraticProgram, ray: Array) -> Array:
    """A ray (n,) with few variables, all of which move as in ``ray``; its largest entry is 1."""
    ray = ray / np.abs(ray).max()
    moving = np.flatnonzero(np.abs(ray) > NEGLIGIBLE)
    sided = np.flatnonzero(conditions.present & ~conditions.is_equation & ~conditions.is_bound)
    equal = conditions.rows(np.flatnonzero(conditions.present & conditions.is_equation))
    held = equal if problem.quadratic is None else np.concatenate([equal, np.asarray(problem.quadratic)])
    if len(moving) + len(sided) > MOST_UNKNOWNS:
        return np.where(np.abs(ray) > NEGLIGIBLE, ray, 0)
    signs = np.sign(ray[moving])
    rows = conditions.sign[sided, None] * conditions.rows(sided)
    slack = np.maximum(rows @ ray, 0)
    columns = np.concatenate([held, rows, np.asarray(problem.linear)[None]])[:, moving] * signs
    slacks = np.concatenate([np.zeros((len(held), len(sided))), -np.eye(len(sided)), np.zeros((1, len(sided)))])
    cost = np.concatenate([np.ones(len(moving)), np.full(len(sided), 1e-3)])
    found = basic(np.concatenate([columns, slacks], axis=1), np.concatenate([np.abs(ray[moving]), slack]), cost)
    simple = np.zeros_like(ray)
    simple[moving] = signs * found[: len(moving)]
    simple = np.where(np.abs(simple) > NEGLIGIBLE * np.abs(simple).max(initial=0.0), simple, 0)
    return simple / np.abs(simple).max() if _is_ray(held, rows, np.asarray(problem.linear), simple) else ray


def _is_ray(held: Array, rows: Array, slope: Array, d: Array) -> bool:
    if not np.any(d) or slope @ d >= 0:
        return False
    size = np.abs(d).max()
    still = np.abs(held @ d) <= NEGLIGIBLE * (1 + np.abs(held).max(axis=1, initial=0.0)) * size
    inside = rows @ d >= -NEGLIGIBLE * (1 + np.abs(rows).max(axis=1, initial=0.0)) * size
    return bool(still.all() and inside.all())


def stopping(conditions: Conditions, problem: QuadraticProgram, ray: Array, variables: Array) -> Array:
    """Whether a bound on each of some variables (r,), alone and on the side it moves to, leaves no ray of descent."""
    n = conditions.variables
    lower = np.where(_bounded(conditions, 1.0), 0.0, -1.0)
    upper = np.where(_bounded(conditions, -1.0), 0.0, 1.0)
    lowers, uppers = np.tile(lower, (len(variables), 1)), np.tile(upper, (len(variables), 1))
    lanes = np.arange(len(variables))
    falling = ray[variables] < 0
    lowers[lanes[falling], variables[falling]] = 0.0
    uppers[lanes[~falling], variables[~falling]] = 0.0
    sided = np.flatnonzero(conditions.present & ~conditions.is_equation & ~conditions.is_bound)
    rows = conditions.sign[sided, None] * conditions.rows(sided)
    held = conditions.rows(np.flatnonzero(conditions.present & conditions.is_equation))
    if problem.quadratic is not None:
        held = np.concatenate([held, np.asarray(problem.quadratic)])
    slope = np.asarray(problem.linear)
    slope = slope / max(np.abs(slope).max(initial=0.0), np.finfo(float).tiny)
    status, least = _least_slopes(slope, held, rows, lowers, uppers)
    return (np.asarray(status) <= Status.SOLVED_INACCURATE) & (np.asarray(least) >= -NEGLIGIBLE * n)


def _bounded(conditions: Conditions, sign: float) -> Array:
    """Which variables have a lower (1) or an upper (−1) bound, (n,)."""
    own = conditions.is_bound & (conditions.sign == sign)
    return conditions.present[own]


@jax.jit
def _least_slopes(
    slope: jax.Array, held: jax.Array, rows: jax.Array, lowers: jax.Array, uppers: jax.Array
) -> tuple[jax.Array, jax.Array]:
    def one(lower: jax.Array, upper: jax.Array) -> tuple[jax.Array, jax.Array]:
        zeros = jnp.zeros(rows.shape[0], slope.dtype)
        problem = QuadraticProgram(
            None, slope, jnp.zeros((), slope.dtype), held, jnp.zeros(held.shape[0], slope.dtype), rows, zeros, None,
            lower, upper,
        )  # fmt: skip
        solution = interior_point.solve(problem)
        return solution.status, solution.objective

    return jax.vmap(one)(lowers, uppers)

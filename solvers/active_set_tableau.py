"""The dual active-set method on a swept Gram matrix: k × k, one symmetric rank-one update a turn, no factorisation.

With D = WWᵀ the row values are v = Wu₀ + Dλ. Sweeping D on the working set B (the symmetric principal pivots of
least squares: Goodnight, Amer. Statist. 33 (1979)) keeps the table T of

    T_BB = −D_BB⁻¹,    T_iB = D_iB D_BB⁻¹,    T_ij = D_ij − D_iB D_BB⁻¹ D_Bj       (i, j not in B),

whose column k says all that the method asks when row k enters: its pivot T_kk, the rates −T_Bk of the multipliers and
T_ik of the other values. One pivot on p, in either direction, with e_p the unit vector and d = T_pp:

    T ← T − (c ∓ e_p)(c ∓ e_p)ᵀ/d,     c = T e_p,     − when p enters, + when it leaves,

exact in all entries but the diagonal, which is kept apart:  T_ii ← T_ii − c_i²/d,  T_pp ← −1/d. (Entries of the
diagonal within the table itself are never read.)
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.active_set_rules import (
    CONTRADICTION,
    IDLE,
    IGNORED,
    OPTIMAL,
    RUNNING,
    Entering,
    choose,
    is_working,
    longest_step,
    new_kind,
)
from karush.solvers.batched_loop import run_loop
from karush.solvers.whitening import Whitened


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Data:
    problem: Whitened
    max_iterations: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``table`` T (k, k) but for its ``diagonal`` (k,); ``value`` and ``multiplier`` (k,), ``kind`` (k,)."""

    count: Array
    table: Array
    diagonal: Array
    value: Array
    multiplier: Array
    kind: Array
    entering: Entering
    outcome: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class TableauEnd:
    """Multipliers and kinds (k,) at the end, turns, the outcome, D_BB⁻¹ (k, k) zero outside B, and a ray (k,).

    The ray is what the multipliers do when the row of a contradiction presses on: W_Bᵀray = 0 but for rounding.
    """

    multiplier: Array
    kind: Array
    count: Array
    outcome: Array
    gram_inverse: Array
    ray: Array


def pivot_tolerance(dtype: jnp.dtype) -> float:
    """Below it a pivot counts as zero: 1e-11 in double precision, the rounding of a table after many sweeps."""
    return float(jnp.finfo(dtype).eps) ** 0.7


def _is_running(data: _Data, state: _State) -> Array:
    return (state.outcome == RUNNING) & (state.count < data.max_iterations)


def _turn(data: _Data, state: _State) -> _State:
    problem = data.problem
    entering, kind, T, diagonal = state.entering, state.kind, state.table, state.diagonal
    k = entering.row
    numbers = jnp.arange(kind.shape[0], dtype=jnp.int32)
    column = T[k]
    working = is_working(kind)
    pivot = diagonal[k]
    regular = pivot > pivot_tolerance(pivot.dtype)
    rows, dimension = problem.rows.shape
    if rows > dimension:
        # the unit normals span no more than the space: what the table says beyond that is rounding
        regular = regular & (jnp.sum(working) < dimension)
    step = longest_step(state.multiplier, entering.sign * column, kind, entering.violation, pivot, regular)
    signed = entering.sign * step.length
    ignore = step.stuck & (entering.violation <= problem.redundant[k])
    outcome = jnp.where(step.stuck & ~ignore, CONTRADICTION, RUNNING)

    p = jnp.where(step.drop, step.leaving, k)
    at_p = numbers == p
    inverse = jnp.where(step.stuck, 0, 1 / diagonal[p])
    swept = jnp.where(at_p, diagonal[p] + jnp.where(step.drop, 1.0, -1.0), T[p])
    table = T - swept[:, None] * (swept * inverse)[None, :]
    diagonal = jnp.where(at_p & ~step.stuck, -inverse, diagonal - swept * swept * inverse)

    multiplier = state.multiplier + signed * jnp.where(working, -column, numbers == k)
    multiplier = jnp.where(at_p & step.drop, 0, multiplier)
    value = state.value + jnp.where(working, 0, signed * column)
    becomes = jnp.where(ignore, IGNORED, jnp.where(step.drop, IDLE, new_kind(problem, entering)))
    kind = jnp.where(at_p & (outcome == RUNNING), becomes, kind)

    pending = Entering(k, entering.sign, jnp.maximum(entering.violation - step.length * pivot, 0), jnp.asarray(True))
    fresh = choose(problem, value, kind, diagonal)
    entering = jax.tree.map(lambda a, b: jnp.where(step.drop, a, b), pending, fresh)
    outcome = jnp.where((outcome == RUNNING) & ~entering.found, OPTIMAL, outcome)
    return _State(
        state.count + 1,
        table,
        diagonal,
        value,
        multiplier,
        kind,
        jax.tree.map(lambda a, b: jnp.where(outcome == CONTRADICTION, a, b), state.entering, entering),
        outcome.astype(jnp.int32),
    )


def run(problem: Whitened, max_iterations: Array) -> TableauEnd:
    """Iterate to the optimal working set, a contradiction or ``max_iterations`` turns."""
    W = problem.rows
    gram = W @ W.T
    diagonal = problem.length
    value = W @ problem.start
    idle = jnp.zeros_like(value)
    entering = choose(problem, value, idle, diagonal)
    outcome = jnp.where(entering.found & problem.sound, RUNNING, OPTIMAL).astype(jnp.int32)
    start = _State(jnp.zeros((), jnp.int32), gram, diagonal, value, idle, idle, entering, outcome)
    end = run_loop(_is_running, _turn, _Data(problem, max_iterations), start)
    working = is_working(end.kind)
    k = end.entering.row
    at_k = jnp.arange(value.shape[0], dtype=jnp.int32) == k
    ray = end.entering.sign * (at_k.astype(value.dtype) - jnp.where(working & ~at_k, end.table[k], 0))
    table = jnp.where(jnp.eye(value.shape[0], dtype=bool), end.diagonal[:, None], end.table)
    gram_inverse = jnp.where(working[:, None] & working[None, :], -table, 0)
    return TableauEnd(end.multiplier, end.kind, end.count, end.outcome, gram_inverse, ray)

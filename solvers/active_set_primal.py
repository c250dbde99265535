"""The dual active-set method in the space of the variables: n × n, for problems with many more rows than variables.

The iterate is the point u with the multipliers of its working set B, at most n rows. What is kept is the inverse K of
the square matrix [W_Bᵀ  Z], Z an orthonormal basis of the kernel of W_B: one **slot** (row of K) for each working row
and each direction of the kernel,

    rows of working slots   (W_B W_Bᵀ)⁻¹ W_B = N,        rows of kernel slots   Zᵀ.

For an entering unit row w the product a = K w holds the rates of the multipliers, Nw, and the coordinates σ = Zᵀw;
the pivot is |σ|² (a sum of squares: no cancellation), the direction Zσ =: z. Enter: a Householder reflection of Z
turns σ into a single coordinate, whose slot becomes the row's,

    K ← K − βv (vᵀZᵀ) − a_B zᵀ/|σ|²,      slot ← z/|σ|².

Leave, with ν its row of N:  K_i ← K_i − (K_i·ν) ν/|ν|² for the others, slot ← ν/|ν|. Both are one update of rank two.
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
    Step,
    choose,
    is_working,
    longest_step,
    new_kind,
)
from karush.solvers.batched_loop import run_loop
from karush.solvers.whitening import Whitened


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Slots:
    """``basis`` K (n, n); ``kind``, ``multiplier`` (n,) of the working rows (IDLE, 0 at kernel slots), ``row`` (n,)."""

    basis: Array
    kind: Array
    multiplier: Array
    row: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Data:
    problem: Whitened
    max_iterations: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``point`` u (n,), ``kind`` and ``slot`` (k,) of the rows, ``raised``: the entering row's multiplier so far."""

    count: Array
    slots: _Slots
    point: Array
    kind: Array
    slot: Array
    raised: Array
    entering: Entering
    outcome: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PrimalEnd:
    """As TableauEnd of active_set_tableau.py, with N scattered to the rows (k, n) and Zᵀ (n, n) padded with zeros."""

    multiplier: Array
    kind: Array
    count: Array
    outcome: Array
    pseudo_inverse: Array
    null_basis: Array
    ray: Array


def pivot_tolerance(dtype: jnp.dtype) -> float:
    """Below it a pivot counts as zero: a row within 1.5e-7 of the span, in double precision."""
    return 100 * float(jnp.finfo(dtype).eps)


def _updated(slots: _Slots, rates: Array, kernel: Array, direction: Array, pivot: Array, step: Step) -> tuple:
    """(K after the row enters or ``step.leaving`` leaves, the slot that changed)."""
    K, kind = slots.basis, slots.kind
    free = jnp.argmax(jnp.abs(kernel)).astype(jnp.int32)
    slot = jnp.where(step.drop, step.leaving, free)
    at = jnp.arange(kind.shape[0], dtype=jnp.int32) == slot
    row = K[slot]
    # enter: v = σ ± |σ| e_slot with the sign that cannot cancel, β = 2/vᵀv; leave: ν is the row itself
    safe = jnp.where(pivot > 0, pivot, 1)
    length = jnp.where(kernel[slot] >= 0, jnp.sqrt(safe), -jnp.sqrt(safe))
    square = row @ row
    square = jnp.where(square > 0, square, 1)
    entered = kernel + jnp.where(at, length, 0), direction + length * row, safe + jnp.abs(length * kernel[slot])
    left = jnp.where(at, square - jnp.sqrt(square), K @ row), row, square
    column, against, weight = (jnp.where(step.drop, a, b) for a, b in zip(left, entered, strict=True))
    divisor = jnp.where(step.stuck, jnp.inf, jnp.sqrt(weight))
    column, against = column / divisor, against / divisor
    second = jnp.where(at, -1 - length, jnp.where(kind == IDLE, 0, rates))
    second = second / jnp.where(step.stuck | step.drop, jnp.inf, safe)
    updated = K - column[:, None] * against[None, :] - second[:, None] * direction[None, :]
    return updated, slot


def _is_running(data: _Data, state: _State) -> Array:
    return (state.outcome == RUNNING) & (state.count < data.max_iterations)


def _turn(data: _Data, state: _State) -> _State:
    problem = data.problem
    entering, slots = state.entering, state.slots
    k, sign = entering.row, entering.sign
    rates = slots.basis @ problem.rows[k]
    kernel = jnp.where(slots.kind == IDLE, rates, 0)
    pivot = kernel @ kernel
    direction = kernel @ slots.basis
    regular = pivot > pivot_tolerance(pivot.dtype)
    step = longest_step(slots.multiplier, sign * rates, slots.kind, entering.violation, pivot, regular)
    signed = sign * step.length
    ignore = step.stuck & (entering.violation <= problem.redundant[k])
    outcome = jnp.where(step.stuck & ~ignore, CONTRADICTION, RUNNING)

    basis, slot = _updated(slots, rates, kernel, direction, pivot, step)
    point = state.point + jnp.where(regular, signed, 0) * direction
    raised = state.raised + signed
    at_slot = (jnp.arange(slots.kind.shape[0], dtype=jnp.int32) == slot) & ~step.stuck
    multiplier = slots.multiplier - jnp.where(slots.kind == IDLE, 0, signed * rates)
    becomes = new_kind(problem, entering)
    moved = _Slots(
        basis,
        jnp.where(at_slot, jnp.where(step.drop, IDLE, becomes), slots.kind),
        jnp.where(at_slot, jnp.where(step.drop, 0, raised), multiplier),
        jnp.where(at_slot & ~step.drop, k, slots.row),
    )
    changed = jnp.where(step.drop, slots.row[slot], k)
    at_row = (jnp.arange(state.kind.shape[0], dtype=jnp.int32) == changed) & (outcome == RUNNING)
    kind = jnp.where(at_row, jnp.where(ignore, IGNORED, jnp.where(step.drop, IDLE, becomes)), state.kind)

    value = problem.rows @ point
    pending = Entering(k, sign, jnp.maximum(entering.violation - step.length * pivot, 0), jnp.asarray(True))
    fresh = choose(problem, value, kind, 0.0)
    entering = jax.tree.map(lambda a, b: jnp.where(step.drop, a, b), pending, fresh)
    outcome = jnp.where((outcome == RUNNING) & ~entering.found, OPTIMAL, outcome)
    entering = jax.tree.map(lambda a, b: jnp.where(outcome == CONTRADICTION, a, b), state.entering, entering)
    return _State(
        state.count + 1,
        moved,
        point,
        kind,
        jnp.where(at_row & ~step.drop, slot, state.slot),
        jnp.where(step.drop, raised, 0),
        entering,
        outcome.astype(jnp.int32),
    )


def run(problem: Whitened, max_iterations: Array) -> PrimalEnd:
    """Iterate to the optimal working set, a contradiction or ``max_iterations`` turns."""
    W, u = problem.rows, problem.start
    k, n = W.shape
    idle, value = jnp.zeros(k, u.dtype), W @ u
    entering = choose(problem, value, idle, 0.0)
    outcome = jnp.where(entering.found & problem.sound, RUNNING, OPTIMAL).astype(jnp.int32)
    none = jnp.zeros(n, u.dtype)
    slots = _Slots(jnp.eye(n, dtype=u.dtype), none, none, jnp.zeros(n, jnp.int32))
    start = _State(
        jnp.zeros((), jnp.int32), slots, u, idle, jnp.zeros(k, jnp.int32), jnp.zeros((), u.dtype), entering, outcome
    )
    end = run_loop(_is_running, _turn, _Data(problem, max_iterations), start)
    working = is_working(end.kind)
    pseudo_inverse = jnp.where(working[:, None], end.slots.basis[end.slot], 0)
    null_basis = jnp.where((end.slots.kind == IDLE)[:, None], end.slots.basis, 0)
    multiplier = jnp.where(working, end.slots.multiplier[end.slot], 0)
    at_k = (jnp.arange(k, dtype=jnp.int32) == end.entering.row).astype(u.dtype)
    ray = end.entering.sign * (at_k - pseudo_inverse @ W[end.entering.row])
    return PrimalEnd(multiplier, end.kind, end.count, end.outcome, pseudo_inverse, null_basis, ray)

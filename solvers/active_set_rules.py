"""The decisions of the dual active-set method, shared by its two forms: which row enters, how far, which one leaves.

Goldfarb and Idnani, Math. Programming 27 (1983), for two-sided rows and signed multipliers. The iterate always is the
solution for its working set with multipliers of the right sign; each turn takes the most violated row and raises its
multiplier until the row is met (a full step: it joins the working set) or another multiplier reaches zero (a partial
step: that row leaves, and the entering one is kept pending). The dual objective rises with every full step, so no
working set returns. Equalities enter first, by pivoting on the largest remaining length, and never leave.

A row is **singular** when its pivot, the squared distance of its unit normal from the span of the working set, is
zero to rounding. It cannot be met; if no multiplier stops the step either, then either its violation is within
tolerance (the row is redundant: it is ignored) or the multipliers reached form a Farkas ray (`INFEASIBLE`, to be
verified by the caller).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.whitening import Whitened

# What a row is to the working set, as floats of the working type: a sign says which side presses.
IDLE, LOWER, UPPER, IGNORED, FIXED = 0.0, 1.0, -1.0, 2.0, 3.0

# Vectors shorter than this are reduced by argmax (measured).
PAIRWISE_BELOW = 32

# How a loop ended: the outcome of one lane.
RUNNING, OPTIMAL, CONTRADICTION = 0, 1, 2


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Entering:
    """The row to meet: ``row`` index, ``sign`` of its multiplier, ``violation`` ≥ 0, ``found`` whether there is one."""

    row: Array
    sign: Array
    violation: Array
    found: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Step:
    """``length`` of the step; ``drop``: a multiplier stops it, the one at ``leaving``; ``stuck``: nothing stops it."""

    length: Array
    leaving: Array
    drop: Array
    stuck: Array


def first_largest(score: Array) -> tuple[Array, Array]:
    """(largest entry, its first index as int32) of a vector (k,).

    XLA on the CPU reduces pairs an element at a time, a plain maximum a register at a time: from some length on two
    maxima are several times faster than one argmax. NaN counts as −inf.
    """
    count = score.shape[0]
    if count < PAIRWISE_BELOW:
        index = jnp.argmax(score).astype(jnp.int32)
        return score[index], index
    largest = jnp.max(score)
    backwards = jnp.where(score == largest, jnp.arange(count, 0, -1).astype(score.dtype), 0)
    return largest, jnp.minimum(count - jnp.max(backwards).astype(jnp.int32), count - 1)


def rate_tolerance(dtype: jnp.dtype) -> float:
    """Below it a multiplier's rate of change counts as zero: 7e-11 in double precision."""
    return float(jnp.finfo(dtype).eps) ** 0.65


def is_working(kind: Array) -> Array:
    """Whether a row is held in the working set."""
    return (jnp.abs(kind) == 1) | (kind == FIXED)


def _excess(problem: Whitened, value: Array) -> tuple[Array, Array | float]:
    """Violation of the worse side of each row and the sign of the multiplier that repairs it."""
    if problem.upper is None:
        assert problem.lower is not None
        return problem.lower - value, LOWER
    above = value - problem.upper
    if problem.lower is None:
        return above, UPPER
    below = problem.lower - value
    return jnp.maximum(below, above), jnp.where(below >= above, LOWER, UPPER)


def choose(problem: Whitened, value: Array, kind: Array, length: Array | float) -> Entering:
    """The most violated idle row; while there are equalities left, the one with the largest remaining ``length``."""
    excess, sign = _excess(problem, value)
    score = jnp.where(kind == IDLE, excess - problem.slack, -jnp.inf)
    if problem.equality is not None:
        first = float(jnp.finfo(value.dtype).max) / 4
        score = jnp.where(problem.equality & (kind == IDLE), first * (1 + length), score)
    best, row = first_largest(score)
    chosen_sign = sign[row] if isinstance(sign, jax.Array) else jnp.asarray(sign, value.dtype)
    return Entering(row, chosen_sign, jnp.maximum(excess[row], 0), best > 0)


def longest_step(multiplier: Array, rate: Array, kind: Array, violation: Array, pivot: Array, regular: Array) -> Step:
    """How far the entering multiplier can be raised.

    ``multiplier`` and ``kind`` are those of the working set (other entries are idle), ``rate`` how fast each
    multiplier falls, in its own sign, as the entering one is raised.
    """
    rate = rate * kind
    falls = (jnp.abs(kind) == 1) & (rate > rate_tolerance(rate.dtype))
    ratio = jnp.where(falls, jnp.maximum(multiplier * kind, 0) / jnp.where(falls, rate, 1), jnp.inf)
    shortest, leaving = first_largest(-ratio)
    shortest = -shortest
    full = jnp.where(regular, violation / jnp.where(regular, pivot, 1), jnp.inf)
    drop = shortest < full
    length = jnp.minimum(shortest, full)
    stuck = ~jnp.isfinite(length)
    return Step(jnp.where(stuck, 0, length), leaving, drop, stuck)


def new_kind(problem: Whitened, entering: Entering) -> Array:
    """What the entering row becomes once it is met."""
    if problem.equality is None:
        return entering.sign
    return jnp.where(problem.equality[entering.row], FIXED, entering.sign)

"""The last word on a working set: Newton steps on the problem's own data, and the residuals of where they end.

At a fixed working set the optimality conditions are linear, so one step from the loop's point removes the rounding
that the whitening and the many pivots left; a second is taken only where some lane needs it.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers.active_set_factor import ActiveSetFactor
from karush.solvers.active_set_rules import UPPER, is_working
from karush.solvers.branching import at_most_once
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Residuals
from karush.solvers.whitening import Stack

# Newton steps at most.
STEPS = 3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Held:
    """The rows as held: unscaled sides as in whitening.py, ``target`` (k,) of the working rows, ``kind`` (k,)."""

    lower: Array | None
    upper: Array | None
    target: Array
    kind: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Refined:
    """A point ``x`` (n,), ``multipliers`` λ (k,), and what it leaves: Px + q − Cᵀλ (n,), Cx (k,), residuals."""

    step: Array
    x: Array
    multipliers: Array
    stationarity: Array
    value: Array
    residuals: Residuals


def hold(lower: Array | None, upper: Array | None, kind: Array) -> Held:
    """The working rows at the side that each presses on."""
    if lower is None or upper is None:
        side = upper if lower is None else lower
        assert side is not None
    else:
        side = jnp.where(kind == UPPER, upper, lower)
    return Held(lower, upper, jnp.where(is_working(kind), side, 0), kind)


def _beyond(excess: Array, side: Array) -> Array:
    """Relative violation of a side, 0 where it is met or absent (infinite)."""
    return jnp.where(excess <= 0, 0, excess / (1 + jnp.abs(side)))


def _primal_bounds(value: Array, multipliers: Array, held: Held) -> tuple[Array, Array]:
    """Bounds of the primal and the complementarity residual; multipliers have the right sign or are zero."""
    below = 0.0 if held.lower is None else _beyond(held.lower - value, held.lower)
    above = 0.0 if held.upper is None else _beyond(value - held.upper, held.upper)
    apart = jnp.abs(value - held.target) / (1 + jnp.abs(held.target))
    return jnp.max(jnp.maximum(below, above)), jnp.max(jnp.where(multipliers == 0, 0, apart))


def _evaluated(
    problem: QuadraticProgram, stack: Stack, held: Held, x: Array, multipliers: Array, step: Array
) -> Refined:
    """The point with upper bounds of the residuals of residuals.py, without its passes over the matrices.

    Their scales, 1 + a row's largest term, are replaced by smaller ones: a product stands for its mean term.
    """
    assert problem.quadratic is not None
    q, (n, k) = problem.linear, (x.shape[0], multipliers.shape[0])
    curvature, forces, value = problem.quadratic @ x, stack.adjoint(multipliers), stack.times(x)
    stationarity = curvature + q - forces
    scale = 1 + jnp.maximum(jnp.abs(q), jnp.maximum(jnp.abs(curvature) / n, jnp.abs(forces) / k))
    primal, gap = _primal_bounds(value, multipliers, held)
    residuals = Residuals(primal, jnp.max(jnp.abs(stationarity) / scale), gap)
    return Refined(step, x, multipliers, stationarity, value, residuals)


def _exact_where_needed(problem: QuadraticProgram, stack: Stack, refined: Refined, tol: Array) -> Residuals:
    """The bounds where they suffice for ``tol``; else the residuals themselves, computed if some lane needs them."""

    def exact(_: Residuals) -> Residuals:
        return kkt_residuals(problem, stack.point(refined.x, refined.multipliers))

    return at_most_once(~(worst(refined.residuals) <= tol), exact, refined.residuals)


def refine(
    problem: QuadraticProgram,
    stack: Stack,
    factor: ActiveSetFactor,
    held: Held,
    x: Array,
    multipliers: Array,
    tol: Array,
) -> Refined:
    """One to three Newton steps at the working set, as many as residuals of a tenth of ``tol`` take.

    Multipliers that come out with the wrong sign (zero but for rounding) are set to zero. The residuals that come
    back are at least the true ones where those are within ``tol``, else the true ones.
    """

    def improved(state: Refined) -> Refined:
        defect = jnp.where(factor.working > 0, held.target - state.value, 0)
        dx, change = factor.solve_working(-state.stationarity, defect)
        new = state.multipliers + change
        new = jnp.where((jnp.abs(held.kind) == 1) & (new * held.kind < 0), 0, new)
        return _evaluated(problem, stack, held, state.x + dx, new, state.step + 1)

    def unfinished(state: Refined) -> Array:
        return (state.step < STEPS) & (worst(state.residuals) > 0.1 * tol)

    first = improved(_evaluated(problem, stack, held, x, multipliers, jnp.zeros((), jnp.int32)))
    end = lax.while_loop(unfinished, improved, first)
    residuals = _exact_where_needed(problem, stack, end, tol)
    return Refined(end.step, end.x, end.multipliers, end.stationarity, end.value, residuals)

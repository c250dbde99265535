"""The continuous quadratic knapsack: a separable quadratic under bounds and one equation, by Newton's method in O(n).

    minimise ½ Σ d_i x_i² + q_i x_i   subject to   aᵀx = b,  l ≤ x ≤ u,        d > 0

For a multiplier y of the equation the minimiser is known entry by entry, and what is left is one equation in y:

    x_i(y) = the point of [l_i, u_i] nearest to (a_i y − q_i)/d_i,        φ(y) = aᵀx(y) − b = 0.

φ is nondecreasing and piecewise linear with the slope Σ a_i²/d_i over the i between their bounds, so a Newton step
within the piece of the root is exact. Steps stay between the points where φ is known to be negative and positive, and
every fourth one halves their distance, which ends what would cycle. Beyond the outermost breakpoints φ is linear or
constant: there the root is one step away, or there is none, and the multiplier ±1 with the bounds proves it.

The projection on the simplex is the case d = a = 1, q = −p, b = 1, l = 0; there Newton's method from the root without
bounds is that of Michelot (1986). See Cominetti, Mascarenhas and Silva, A Newton's method for the continuous quadratic
knapsack problem, Math. Program. Comput. 6 (2014).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import certificates
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import Diagonal, dense
from karush.solvers.residuals import bound_sides, classify, has_bounds, kkt_residuals, objective
from karush.solvers.result import Solution, Status

MAX_ITERATIONS = 300
"""A safeguard: a few steps are the rule, and halving alone ends within four times the digits of y."""

HALVING = 4


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Knapsack:
    """The data: d, q, a, l, u (n,) and b (). Absent bounds are infinite."""

    curvature: Array
    slope: Array
    row: Array
    side: Array
    lower: Array
    upper: Array

    def unbounded(self, y: Array) -> Array:
        """(a y − q)/d."""
        return (self.row * y - self.slope) / self.curvature

    def at(self, y: Array) -> Array:
        """x(y)."""
        return jnp.minimum(jnp.maximum(self.unbounded(y), self.lower), self.upper)

    def excess(self, y: Array) -> tuple[Array, Array]:
        """φ(y), and the size of its rounding."""
        terms = self.row * self.at(y)
        scale = jnp.sum(jnp.abs(terms)) + jnp.abs(self.side)
        return jnp.sum(terms) - self.side, 10 * jnp.finfo(scale.dtype).eps * scale

    def rate(self, y: Array, rising: Array) -> Array:
        """The slope of φ right of y where ``rising``, else left of it."""
        v = self.unbounded(y)
        up = rising == (self.row > 0)
        moves = jnp.where(up, (v >= self.lower) & (v < self.upper), (v > self.lower) & (v <= self.upper))
        return jnp.sum(jnp.where(moves, self.row * self.row / self.curvature, 0))

    def newton(self, y: Array, phi: Array) -> Array:
        """The root of the piece of φ at y, on the side of the root; not finite where that piece is constant."""
        rate = self.rate(y, phi < 0)
        return jnp.where(rate > 0, y - phi / jnp.where(rate > 0, rate, 1), jnp.nan)

    def outermost(self) -> tuple[Array, Array]:
        """The least and the greatest y at which an entry reaches a bound; 0 and 0 where none does."""
        safe = jnp.where(self.row == 0, 1, self.row)
        points = jnp.concatenate([(self.curvature * bound + self.slope) / safe for bound in (self.lower, self.upper)])
        there = jnp.isfinite(points) & jnp.concatenate([self.row != 0] * 2)
        first, last = jnp.min(points, where=there, initial=jnp.inf), jnp.max(points, where=there, initial=-jnp.inf)
        return jnp.where(jnp.any(there), first, 0), jnp.where(jnp.any(there), last, 0)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """φ < 0 left of ``low`` and > 0 right of ``high``, and y is between them."""

    y: Array
    low: Array
    high: Array
    count: Array
    done: Array


def _knapsack(problem: QuadraticProgram) -> _Knapsack:
    sides, P = bound_sides(problem), problem.quadratic
    if not isinstance(P, Diagonal) or problem.inequality_matrix.shape[0] or problem.equality_rhs.shape[0] > 1:
        raise TypeError("this solver takes a diagonal quadratic term, bounds, and at most one equation")
    lower = jnp.where(sides.has_lower, sides.lower, -jnp.inf)
    upper = jnp.where(sides.has_upper, sides.upper, jnp.inf)
    # without an equation that of zeros, which holds at every y
    row = jnp.sum(dense(problem.equality_matrix), axis=0)
    return _Knapsack(P.entries, problem.linear, row, jnp.sum(problem.equality_rhs), lower, upper)


def _search(data: _Knapsack, start: Array, limit: int) -> tuple[Array, Array]:
    """(y, steps): the root between the outermost breakpoints, or the step beyond them."""
    low, high = data.outermost()

    def unfinished(state: _State) -> Array:
        return ~state.done & (state.count < limit)

    def once(state: _State) -> _State:
        phi, rounding = data.excess(state.y)
        low, high = jnp.where(phi < 0, state.y, state.low), jnp.where(phi > 0, state.y, state.high)
        newton, middle = data.newton(state.y, phi), low + (high - low) / 2
        halves = (state.count % HALVING == HALVING - 1) | ~((newton > low) & (newton < high))
        following = jnp.where(halves, middle, newton)
        done = (jnp.abs(phi) <= rounding) | (following == state.y) | ~(low < middle) | ~(middle < high)
        return _State(jnp.where(done, state.y, following), low, high, state.count + 1, done)

    at_low, at_high = data.excess(low)[0], data.excess(high)[0]
    outside = (at_low >= 0) | (at_high <= 0)
    edge = jnp.where(at_low >= 0, low, high)
    beyond = data.newton(edge, jnp.where(at_low >= 0, at_low, at_high))
    inside = (start > low) & (start < high)
    begin = jnp.where(inside, start, low + (high - low) / 2)
    end = jax.lax.while_loop(unfinished, once, _State(begin, low, high, jnp.zeros((), jnp.int32), outside))
    y = jnp.where(outside, jnp.where(jnp.isfinite(beyond), beyond, edge), end.y)
    # one step more, which is exact where the piece is that of the root, takes back what the halving left
    last = data.newton(y, data.excess(y)[0])
    return jnp.where(jnp.isfinite(last), last, y), end.count + 1


def _point(problem: QuadraticProgram, data: _Knapsack, y: Array) -> Point:
    """x(y) with its multipliers: what stationarity asks for at the bounds, 0 elsewhere."""
    v, x = data.unbounded(y), data.at(y)
    held = (v <= data.lower) | (v >= data.upper)
    w = jnp.where(held, data.curvature * x + data.slope - data.row * y, 0) if has_bounds(problem) else None
    multiplier = jnp.broadcast_to(y, problem.equality_rhs.shape)
    return Point(x, multiplier, jnp.zeros(problem.inequality_matrix.shape[:1], x.dtype), w)


def _proof(problem: QuadraticProgram, data: _Knapsack, y: Array) -> Point:
    """The multipliers ±1 of the equation and what balances them: a certificate where aᵀx cannot reach b."""
    sign = -jnp.sign(data.excess(y)[0])
    multiplier = jnp.broadcast_to(sign, problem.equality_rhs.shape)
    w = -sign * data.row if has_bounds(problem) else None
    given = Point(jnp.zeros_like(data.slope), multiplier, jnp.zeros(problem.inequality_matrix.shape[:1], sign.dtype), w)
    return certificates.normalised_farkas(problem, given)


def solve(problem: QuadraticProgram, tolerance: float, limit: int, warm: Point | None = None) -> Solution:
    """Solve one problem whose P is a `Diagonal` of positive entries; see `Solution` and the module's text.

    Statuses: SOLVED, INFEASIBLE where the bounds cross or the equation is out of their reach, LIMIT, FAILED.
    """
    data = _knapsack(problem)
    total = jnp.sum(data.row * data.row / data.curvature)
    free = (data.side + jnp.sum(data.row * data.slope / data.curvature)) / jnp.where(total > 0, total, 1)
    start = free if warm is None or warm.y.shape[0] == 0 else warm.y[0]
    y, count = _search(data, start, limit)
    point = _point(problem, data, y)
    residuals = kkt_residuals(problem, point)
    sound = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(problem)]))
    two_sided = problem.bound_lower is not None and problem.bound_upper is not None
    crossed = certificates.crossing(problem) > tolerance if two_sided else jnp.asarray(False)
    proof = _proof(problem, data, y)
    empty = certificates.infeasibility_defect(problem, proof) <= tolerance
    status = classify(residuals, tolerance)
    unsolved = status != Status.SOLVED
    status = jnp.where(unsolved & empty | crossed, Status.INFEASIBLE, status)
    status = jnp.where(sound, status, Status.FAILED).astype(jnp.int32)
    if two_sided:
        crossing = certificates.crossing_certificate(problem)
        proof = jax.tree.map(lambda a, b: jnp.where(crossed, a, b), crossing, proof)
    certificate = jax.tree.map(lambda part: jnp.where(status == Status.INFEASIBLE, part, 0), proof)
    return Solution(point, objective(problem, point.x), status, count, residuals, certificate)

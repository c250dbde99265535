"""The rule of one-sided derivatives: which of the programs of directions.py a point at a kink needs, and what they say.

Where there is no kink the linear rule of implicit.py holds. At a kink the derivative along a tangent is not linear in
it, so that this rule serves ``jax.jvp`` alone, and maps of it over tangents. The chain rule holds all the same: the
derivative of a composition along a tangent is that of the outer function along that of the inner one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.active_rows import active_rows
from karush.solvers.branching import at_most_once
from karush.solvers.cone_directions import rates_of_point, slack_rate, ties_of, with_cones
from karush.solvers.directions import Rates, critical_program, multiplier_program, rates_of, value_program
from karush.solvers.evidence import any_inequality, moves
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.linearisation import Linearisation, any_weak, linearise, of_rows
from karush.solvers.protocol import Method
from karush.solvers.residuals import objective
from karush.solvers.result import Solution, Status
from karush.solvers.sparse_factor import has_sparse_matrix


@dataclass(frozen=True)
class Direction:
    """A problem with its method, and a tangent ``change`` of its data."""

    method: Method
    problem: QuadraticProgram
    change: QuadraticProgram

    @property
    def active(self) -> float:
        """The threshold of active rows."""
        return self.method.active(self.problem.linear.dtype)

    def explicit(self, x: Array) -> Array:
        """The rate of the objective at a fixed x."""
        rate: Array = jax.jvp(lambda data: objective(data, x), (self.problem,), (self.change,))[1]
        return rate


def _is_solved(solution: Solution) -> Array:
    return solution.status <= Status.SOLVED_INACCURATE


def _any_nonzero(tree: object) -> Array:
    """Whether a tangent has an entry that is not zero."""
    leaves = [leaf for leaf in jax.tree.leaves(tree) if leaf.dtype != jax.dtypes.float0]
    return jnp.any(jnp.stack([jnp.any(leaf != 0) for leaf in leaves])) if leaves else jnp.asarray(False)


def _carrying(direction: Direction, point: Point, rates: Rates) -> tuple[Point, Rates, Array]:
    """The multipliers that carry the change, the rows that they hold, and V'."""
    program = multiplier_program(direction.problem, point.x, rates)
    found = direction.method.solve_auxiliary(program)
    rows, bounds = active_rows(program, found.point, direction.active)
    held = replace(rates, rows=rates.rows.pressed(rows))
    if rates.bounds is not None and bounds is not None:
        held = replace(held, bounds=rates.bounds.pressed(bounds))
    value = jnp.where(_is_solved(found), direction.explicit(point.x) + found.objective, jnp.nan)
    return replace(point, y=found.point.y, z=found.point.z), held, value


def _critical(direction: Direction, point: Point, rates: Rates, several: Array) -> Point:
    """ξ and the derivatives of the multipliers; NaN where there are none, and in the parts of ξ that are not unique."""
    program = critical_program(direction.problem, direction.change, point, rates)
    found = direction.method.solve_auxiliary(program)
    matrices = (direction.change.equality_matrix, direction.change.inequality_matrix)
    known = _is_solved(found) & ~(several & _any_nonzero(matrices))
    rate: Point = jax.tree.map(lambda a: jnp.where(known, a, jnp.nan), found.point)
    if direction.method.strongly_convex:
        return rate
    lin = linearise(program, replace(found, factor=None), direction.active)
    return replace(rate, x=jnp.where(moves(program, lin, lin.kernel).x, jnp.nan, rate.x))


def _without_multipliers(rate: Point, several: Array, moving: Point) -> Point:
    """The rates with NaN at the multipliers that are not unique."""
    y, z = (jnp.where(several & mask, jnp.nan, a) for mask, a in ((moving.y, rate.y), (moving.z, rate.z)))
    w = rate.w if rate.w is None or moving.w is None else jnp.where(several & moving.w, jnp.nan, rate.w)
    return replace(rate, y=y, z=z, w=w)


def _of_solutions(direction: Direction, x: Array, rates: Rates) -> Array:
    """V' where x is one of several solutions, NaN where the matrices are sparse or P moves."""
    explicit = direction.explicit(x)
    if has_sparse_matrix(direction.problem):
        return jnp.full_like(explicit, jnp.nan)
    program = value_program(direction.problem, direction.change, x, rates)
    found = direction.method.solve_auxiliary(program)
    known = _is_solved(found) & ~_any_nonzero(direction.change.quadratic)
    return jnp.where(known, explicit + found.objective, jnp.nan)


def _beside_cones(
    direction: Direction, point: Point, lin: Linearisation, weak: Array, linear: tuple[Point, Array]
) -> tuple[Point, Array]:
    """The rates of a problem with rows in cones; V' is that of the linear rule, as its multipliers are unique.

    NaN at a kink where multipliers or x are not unique, where a cone of three rows has an edge, and along exponents.
    """
    problem, change, frame = direction.problem, direction.change, lin.frame
    rows, m = problem.cone_rows, problem.inequality_matrix.shape[0]
    assert rows is not None and frame is not None and change.cone_rows is not None
    ties = ties_of(rows, frame)
    moving = jax.tree.leaves(moves(problem, lin, lin.wide_kernel))
    several = jnp.any(jnp.stack([jnp.any(part) for part in moving])) | jnp.any(moves(problem, lin, lin.kernel).x)
    known = ~several & ties.covered & ~_any_nonzero(change.cone_rows.exponents)

    def critical(_: Point) -> Point:
        rate = slack_rate(problem, change, point.x)
        rates = rates_of(problem, change, point, of_rows(problem, lin))
        base = replace(critical_program(problem, change, point, rates), cone_rows=None)
        found = direction.method.solve_auxiliary(with_cones(base, rows, frame, ties, rate))
        moved = rates_of_point(found.point, rows, frame, ties, rate, m)
        return jax.tree.map(lambda part: jnp.where(_is_solved(found), part, jnp.nan), moved)

    moved = at_most_once(weak & known, critical, linear[0])
    found: tuple[Point, Array] = (
        jax.tree.map(lambda part: jnp.where(weak & ~known, jnp.nan, part), moved),
        jnp.where(weak & ~known, jnp.nan, linear[1]),
    )
    return found


def one_sided(
    method: Method,
    problem: QuadraticProgram,
    change: QuadraticProgram,
    point: Point,
    lin: Linearisation,
    linear: tuple[Point, Array],
) -> tuple[Point, Array]:
    """The rates of the point and of the optimal value along ``change``; ``linear`` are those of the linear rule.

    NaN where the change leaves no solution, where it moves the matrices of rows whose multipliers are not unique,
    where it moves P at solutions that are not; with rows in cones as `_beside_cones` says.
    """
    at_all = (lin.solved > 0) & _any_nonzero(change)
    weak = at_all & any_weak(lin)
    if problem.cone_rows is not None:
        return _beside_cones(Direction(method, problem, change), point, lin, weak, linear)
    direction, rates = Direction(method, problem, change), rates_of(problem, change, point, lin)
    wide = moves(problem, lin, lin.wide_kernel)
    several = at_all & any_inequality(wide)
    free = at_all & jnp.any(moves(problem, lin, lin.kernel).x)

    def carried(_: tuple[Point, Rates, Array]) -> tuple[Point, Rates, Array]:
        return _carrying(direction, point, rates)

    multipliers, held, value = at_most_once(several & ~free, carried, (point, rates, linear[1]))

    def critical(_: Point) -> Point:
        return _critical(direction, multipliers, held, several)

    moved = at_most_once((weak | several) & ~free, critical, linear[0])
    moved = _without_multipliers(moved, several, wide)
    if not method.strongly_convex:
        value = at_most_once(free, lambda _: _of_solutions(direction, point.x, rates), value)
    return moved, value

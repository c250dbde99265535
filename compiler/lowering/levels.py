"""Quasiconvex programs compiled: the least level of a quotient by bisection, and its derivative.

With s = 1 where the quotient is minimised and -1 where it is maximised, τ = s t, and φ(τ) = min s f - τ g, the least
τ is the root of φ. The x that a solve returns bounds it from above by s f(x)/g(x), and from below by τ if φ(τ) > 0. The
next level is that upper bound (Dinkelbach's step, which converges superlinearly) where it is news, else the middle. For
the greatest of several quotients s f/g is that of the whole.

The derivative is that of the root: φ(τ*(θ); θ) = 0 gives dτ* = -(∂φ/∂θ / ∂φ/∂τ) dθ. By the envelope formula ∂φ/∂τ is
that of the Lagrangian: -g(x*), or a mean of the -g_i(x*) weighted by multipliers. So slack that gains λ in φ gains
λ/(-∂φ/∂τ) in τ*, and x follows as the solution of the convex problem at τ*(θ).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.compiler.facts.quasiconvex import LEVEL, Levels
from karush.compiler.lowering.compiled import Compiled, Params, Recovered, Start
from karush.compiler.lowering.recover import Entries
from karush.compiler.model import Expr
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.quadratic_driver import Method, choose, facts_of, solve
from karush.solvers.residuals import objective, row_sides
from karush.solvers.result import Solution, Status

MOST_LEVELS = 200
"""Levels that are tried at most; some ten are needed."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Search:
    """Where the search stands: the level tried next, its bounds, how far to go down while there is none below."""

    level: Array
    lower: Array
    upper: Array
    step: Array
    count: Array
    done: Array


@dataclass(frozen=True, eq=False, repr=False)
class QuasiconvexCompiled(Compiled):
    """A quasiconvex program for fixed sizes: ``form`` is the template of the convex problem at a level."""

    levels: Levels = field(kw_only=True)

    def start(self, params: Params, *, differentiable: bool = True) -> Start:
        """All params, and the least level among them."""
        found = super().start(params, differentiable=differentiable)
        level = self._search(lax.stop_gradient(found))
        if differentiable:
            level = self._root(found, level)
        return self._at(found, level)

    def recovered(self, start: Start, solution: DifferentiableSolution | Solution, blank: Array) -> Recovered:
        """The objective at the level, and multipliers of it."""
        found = super().recovered(start, solution, blank)

        def goal(level: Array) -> Array:
            return self._number(self.levels.goal, {**start.params, LEVEL: level}, {})

        objective, slope = jax.value_and_grad(goal)(start.params[LEVEL])
        scale = slope / self._fall(start, solution.point)
        return Recovered(found.variables, self._of_the_level(found.duals, scale), objective + blank)

    def _fall(self, start: Start, point: Point) -> Array:
        """-∂φ/∂τ at the level."""
        assert self.form is not None
        fixed = lax.stop_gradient(point)

        def value(level: Array) -> Array:
            params = {**start.params, LEVEL: level}
            return _lagrangian(self.program(replace(start, params=params)), fixed)

        return -self.form.sign * jax.grad(value)(start.params[LEVEL])

    def _of_the_level(self, duals: Entries, scale: Array) -> Entries:
        """Multipliers of φ as those of the stated objective: gains stay nonnegative."""
        assert self.form is not None
        equations = {family.label for family in self.form.equalities}
        factors = {label: scale if label in equations else jnp.abs(scale) for label in duals}
        return {
            label: {part: factors[label] * value for part, value in entry.items()}
            if isinstance(entry, dict)
            else factors[label] * entry
            for label, entry in duals.items()
        }

    # ------------------------------------------------------------ the level

    def _at(self, start: Start, level: Array) -> Start:
        assert self.form is not None
        return replace(start, params={**start.params, LEVEL: self.form.sign * level})

    def _number(self, expr: Expr, params: Params, variables: Params) -> Array:
        scope = self.evaluator.top(self._inputs(params, variables), self.dependence)
        return jnp.asarray(self.evaluator.value(expr, scope), self.dtype)

    def _root(self, start: Start, level: Array) -> Array:
        """The level with the derivative of the root of φ."""

        def least(tau: Array) -> Array:
            program = self.program(self._at(start, tau))
            choice = choose(facts_of(program, self.strongly_convex), self.settings.solver)
            return solve(program, self.settings, choice).objective

        found: Array = lax.custom_root(
            least, level, lambda _, guess: guess, lambda linear, value: value / linear(jnp.ones_like(value))
        )
        return found

    def _search(self, start: Start) -> Array:
        """The least level; NaN where there is none, and the last one tried of a problem that is infeasible."""
        tolerance = self.settings.tolerance(self.dtype)
        zero, one = jnp.zeros((), self.dtype), jnp.ones((), self.dtype)
        limit = MOST_LEVELS if self.settings.max_iterations is None else self.settings.max_iterations
        first = Search(zero, -jnp.inf * one, jnp.inf * one, one, jnp.zeros((), jnp.int32), jnp.zeros((), bool))

        def going(search: Search) -> Array:
            return ~search.done & (search.count < limit)

        end = lax.while_loop(going, lambda search: self._try(start, search, tolerance), first)
        return jnp.where(end.done, end.level, jnp.nan)

    def _try(self, start: Start, search: Search, tolerance: float) -> Search:
        """One level: solve its problem, narrow the bounds, choose the next."""
        assert self.form is not None
        program = self.program(self._at(start, search.level))
        settings: Any = replace(self.settings, max_iterations=None)
        solution = Method(settings, choose(facts_of(program, self.strongly_convex), settings.solver))(program, None)
        variables = self.form.layout.split(solution.point.x)
        params = self._at(start, search.level).params
        value = self.form.sign * self._number(self.levels.quotient, params, variables)
        solved, unbounded = solution.status <= Status.SOLVED_INACCURATE, solution.status == Status.UNBOUNDED
        divides = self._number(self.levels.divisor, params, variables) > 0  # a divisor that rounding turns is none
        quotient = jnp.where(solved & divides & jnp.isfinite(value), value, jnp.inf)
        small = tolerance * self._number(self.levels.size, params, variables) + jnp.finfo(self.dtype).tiny
        met = solved & (jnp.abs(solution.objective) <= small)
        lower = jnp.where(solved & (solution.objective > small), jnp.maximum(search.lower, search.level), search.lower)
        upper = jnp.minimum(search.upper, jnp.where(unbounded, search.level, quotient))
        middle = jnp.where(jnp.isfinite(lower), (lower + upper) / 2, jnp.minimum(search.level, upper) - search.step)
        following = jnp.where(quotient < search.upper, quotient, middle)
        width = 4 * jnp.finfo(self.dtype).eps * (jnp.abs(upper) + jnp.abs(lower))
        narrow = jnp.isfinite(width) & (upper - lower <= width)
        best = jnp.where(jnp.isfinite(quotient), jnp.minimum(quotient, upper), upper)
        level = jnp.where(solved | unbounded, jnp.where(met | narrow, best, following), search.level)
        stop = met | narrow | ~(solved | unbounded)
        step = jnp.where(unbounded, 2 * search.step, search.step)
        return Search(level, lower, upper, step, search.count + 1, stop)


def _lagrangian(problem: QuadraticProgram, point: Point) -> Array:
    """L at a point whose bounds do not depend on the level: no bound of a var does."""
    sides = row_sides(problem)
    pressed = jnp.where(point.z > 0, sides.lower, sides.upper)
    value = objective(problem, point.x) - point.y @ (problem.equality_matrix @ point.x - problem.equality_rhs)
    value = value - point.z @ (problem.inequality_matrix @ point.x - pressed)
    if problem.cone_rows is None or point.u is None:
        return value
    return value - point.u @ (problem.cone_rows.matrix @ point.x + problem.cone_rows.offset)

"""Convex quadratic and cone programs: which solver takes one, and the solve with its derivative.

    P diagonal and known to be positive definite,
      bounds, at most one equation                    knapsack
    no quadratic term (LP)                            interior point
    P known to be positive definite, small            dual active set
    P of unknown definiteness, small                  dual active set, and the interior point in the lanes it leaves
    P known to be singular, small                     dual active set, regularised (regularised.py), and the same
    anything larger                                   interior point
    rows in cones                                     interior point
    large and sparse, on the CPU                      host solvers where installed (host/choosing.py)
    large and sparse else                             hybrid gradients (pdhg.py)

The lines with two are one program: the interior point stands in a loop that does not run while every lane of a batch
was settled by the active set, and a lane keeps whichever answer is the better by its KKT residuals.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.solvers import dual_active_set, interior_point, knapsack, pdhg, regularised
from karush.solvers.active_set_downdate import without
from karush.solvers.active_set_factor import ActiveSetFactor
from karush.solvers.branching import at_most_once
from karush.solvers.cone_frame import factorised_on_host
from karush.solvers.facts import facts_of
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.host import adapter
from karush.solvers.host.choosing import host_choice, is_sparse
from karush.solvers.host.registry import HOST_SOLVERS, HostSolver
from karush.solvers.implicit import DifferentiableSolution
from karush.solvers.implicit import solve_differentiable as differentiate
from karush.solvers.matrices import all_dense
from karush.solvers.protocol import Factorisation, Facts, Settings, Solver
from karush.solvers.residuals import worst
from karush.solvers.result import Solution, Status
from karush.solvers.separable import in_parts

# Up to these sizes exchanging rows one at a time is the faster way (measured, one problem and batches, on a CPU).
SMALL_VARIABLES, SMALL_ROWS = 512, 2048

# Sparse programs of more variables that no host solver takes are solved by products alone.
FIRST_ORDER = 2000

# A sparse cone program of at most so many positions is differentiated with dense matrices: so many where the host would
# factorise it, and where nobody would.
SMALL_DENSE, LARGE_DENSE = 2**15, 2**24

# Every exchange adds or drops one row; this many per row have never been needed.
EXCHANGES_PER_ROW = 10


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Guarded:
    """The active set's factorisation with the mask of the lanes in which it holds; see `Factorisation`."""

    inner: ActiveSetFactor
    usable: Array
    complete: bool = field(default=True, metadata={"static": True})

    @property
    def active_z(self) -> Array:
        """Which rows of G are in it."""
        return self.inner.active_z

    @property
    def active_w(self) -> Array | None:
        """Which bounds are in it."""
        return self.inner.active_w

    @property
    def row_scale(self) -> tuple[Array, Array, Array | None]:
        """The lengths of the rows in whitened coordinates, inverted."""
        p, m = self.inner.counts
        scale = self.inner.scale
        return scale[:p], scale[p : p + m], None if self.active_w is None else scale[p + m :]

    def without(self, rows: Array, bounds: Array | None) -> Guarded:
        """The same less some rows and bounds."""
        equalities = jnp.zeros(self.inner.counts[0], bool)
        mask = jnp.concatenate([equalities, rows, *([] if self.active_w is None or bounds is None else [bounds])])
        return replace(self, inner=without(self.inner, mask))

    def solve(
        self, rhs_x: Array, rhs_y: Array, rhs_z: Array, rhs_w: Array | None
    ) -> tuple[Array, Array, Array, Array | None]:
        """See `Factorisation`."""
        return self.inner.solve(rhs_x, rhs_y, rhs_z, rhs_w)


def _exchanges(problem: QuadraticProgram, settings: Settings) -> int:
    facts = facts_of(problem)
    rows: int = facts.equalities + facts.inequalities + facts.bounds
    count: int = EXCHANGES_PER_ROW * (rows + facts.variables)
    return count if settings.max_iterations is None else settings.max_iterations


def _regularised(problem: QuadraticProgram, settings: Settings) -> Solution:
    return regularised.solve(problem, settings.tolerance(problem.linear.dtype), _exchanges(problem, settings))


def _active_set(problem: QuadraticProgram, settings: Settings, warm: Point | None) -> Solution:
    del warm  # the dual method starts from the unconstrained minimiser, whatever is given
    tolerance = settings.tolerance(problem.linear.dtype)
    solution = dual_active_set.solve(problem, tolerance, _exchanges(problem, settings))
    guarded = Guarded(solution.factor, solution.status <= Status.SOLVED_INACCURATE)
    return replace(solution, factor=guarded)


def _interior_point(problem: QuadraticProgram, settings: Settings, warm: Point | None) -> Solution:
    limit = interior_point.MAX_ITERATIONS if settings.max_iterations is None else settings.max_iterations
    return interior_point.solve(problem, settings.tolerance(problem.linear.dtype), limit, warm)


def _hybrid_gradients(problem: QuadraticProgram, settings: Settings, warm: Point | None) -> Solution:
    limit = pdhg.MAX_ITERATIONS if settings.max_iterations is None else settings.max_iterations
    return pdhg.solve(problem, settings.tolerance(problem.linear.dtype), limit, warm)


def _knapsack(problem: QuadraticProgram, settings: Settings, warm: Point | None) -> Solution:
    limit = knapsack.MAX_ITERATIONS if settings.max_iterations is None else settings.max_iterations
    return knapsack.solve(problem, settings.tolerance(problem.linear.dtype), limit, warm)


def _not_for_knapsack(facts: Facts) -> str | None:
    if not facts.has_diagonal or facts.strongly_convex is not True:
        return "the knapsack method needs a quadratic term that is known to be diagonal and positive definite"
    if facts.has_cones or facts.inequalities != 0 or facts.equalities not in (0, 1):
        return "the knapsack method takes bounds and at most one equation"
    return None


def _not_for_active_set(facts: Facts) -> str | None:
    if facts.has_cones:
        return "the dual active-set method exchanges linear rows, and this problem has rows in cones"
    if not facts.has_quadratic:
        return "the dual active-set method needs a quadratic term, and a linear program has none"
    if facts.strongly_convex is False:
        return "the dual active-set method needs a positive definite quadratic term"
    if not facts.has_known_sizes:
        return "the dual active-set method needs sizes that are known when it is compiled"
    return None


ACTIVE_SET = Solver("active_set", "dual active set (Goldfarb, Idnani)", _not_for_active_set, _active_set)
INTERIOR_POINT = Solver("ipm", "homogeneous interior point", lambda _: None, _interior_point, takes_parts=True)
HYBRID_GRADIENTS = Solver(
    "pdhg",
    "restarted primal-dual hybrid gradients",
    lambda _: None,
    _hybrid_gradients,
    takes_sparse=True,
)


KNAPSACK = Solver(
    "knapsack", "Newton's method for the continuous knapsack", _not_for_knapsack, _knapsack, takes_sparse=True
)


def _on_host(host: HostSolver) -> Solver:
    """A host solver as one of the solvers."""
    return Solver(
        host.name, host.summary, host.refuses, partial(adapter.solve, (host.name,)), takes_sparse=True, on_host=True
    )


SOLVERS = (ACTIVE_SET, INTERIOR_POINT, HYBRID_GRADIENTS, KNAPSACK, *map(_on_host, HOST_SOLVERS))
AUTO = "auto"
NAMES = (AUTO, *(solver.name for solver in SOLVERS))


@dataclass(frozen=True)
class Choice:
    """A solver's name, why it was taken, and whether the interior point stands behind it (``fallback``).

    ``strongly_convex`` is True where P is known to be positive definite: then x is unique, which is used. ``then``
    names the host solvers that are asked where the first one's answer does not verify. ``regularised`` says that the
    active set works on a regularised problem first.
    """

    name: str
    reason: str
    fallback: bool = False
    strongly_convex: bool = False
    then: tuple[str, ...] = ()
    regularised: bool = False

    @property
    def solver(self) -> Solver:
        """The record of the solver."""
        return next(solver for solver in SOLVERS if solver.name == self.name)


def refusal(name: str, facts: Facts) -> str | None:
    """Why the solver of this name does not take such a problem, or that there is none; None if it does."""
    if name == AUTO:
        return None
    found = [solver for solver in SOLVERS if solver.name == name]
    if not found:
        return f"there is no solver {name!r}; the names are {', '.join(NAMES)}"
    return found[0].refuses(facts)


def _is_small(facts: Facts) -> bool:
    rows = facts.equalities + facts.inequalities + facts.bounds
    return facts.variables <= SMALL_VARIABLES and rows <= SMALL_ROWS


def choose(facts: Facts, name: str = AUTO) -> Choice:
    """The solver for a problem of such facts. Raises ValueError where the named one refuses it (see `refusal`)."""
    refused = refusal(name, facts)
    if refused is not None:
        raise ValueError(refused)
    known = facts.strongly_convex is True
    if name != AUTO:
        return Choice(name, "asked for", strongly_convex=known)
    if _not_for_knapsack(facts) is None:
        return Choice(KNAPSACK.name, "a diagonal quadratic term, bounds, at most one equation", strongly_convex=True)
    names, reason = host_choice(facts)
    if names:
        return Choice(names[0], reason, strongly_convex=known, then=names[1:])
    choice = _embedded(facts, known)
    return replace(choice, reason=choice.reason + reason)


def _embedded(facts: Facts, known: bool) -> Choice:
    """The choice among the solvers that stay within XLA; ``known`` says that P is positive definite."""
    if is_sparse(facts) and facts.variables > FIRST_ORDER:
        size = f"{facts.variables} variables, sparse matrices with {facts.nonzeros} entries"
        reason = f"large ({size}), and no host solver on the {facts.platform}: products alone"
        return Choice(HYBRID_GRADIENTS.name, reason, strongly_convex=known)
    if facts.has_cones:
        return Choice(INTERIOR_POINT.name, "a cone program", strongly_convex=known)
    if not facts.has_quadratic:
        return Choice(INTERIOR_POINT.name, "a linear program")
    if facts.strongly_convex is False and (not facts.has_known_sizes or not _is_small(facts)):
        return Choice(INTERIOR_POINT.name, "the quadratic term is singular")
    if facts.strongly_convex is False:
        reason = "small, the quadratic term singular: regularised; the interior point where that fails"
        return Choice(ACTIVE_SET.name, reason, fallback=True, regularised=True)
    if not facts.has_known_sizes:
        return Choice(INTERIOR_POINT.name, "sizes are not known when it is compiled", strongly_convex=known)
    if not _is_small(facts):
        return Choice(INTERIOR_POINT.name, "larger than the active set is made for", strongly_convex=known)
    if known:
        return Choice(ACTIVE_SET.name, "small and strongly convex", strongly_convex=True)
    return Choice(ACTIVE_SET.name, "small and convex; the interior point where P turns out singular", fallback=True)


def _is_settled(status: Array) -> Array:
    return (status == Status.SOLVED) | (status == Status.INFEASIBLE) | (status == Status.UNBOUNDED)


def _better(first: Solution, second: Solution) -> Solution:
    """``second`` where it settles the problem, or is nearer to a solution, and ``first`` does not settle it."""
    nearer = worst(second.residuals) < worst(first.residuals)
    unusable = ~jnp.isfinite(worst(first.residuals))
    take = ~_is_settled(first.status) & (_is_settled(second.status) | nearer | unusable)
    return jax.tree.map(lambda a, b: jnp.where(take, b, a), first, second)


def _with_fallback(problem: QuadraticProgram, settings: Settings, warm: Point | None, shaped: bool) -> Solution:
    first = _regularised(problem, settings) if shaped else _active_set(problem, settings, warm)
    bare = replace(first, factor=None)

    def other(solution: Solution) -> Solution:
        # what does not depend on the loop XLA would take out of it: much of the second solver, run for nothing
        held, _ = jax.lax.optimization_barrier((problem, solution.iterations))
        return _better(solution, _interior_point(held, settings, warm))

    wanted = ~_is_settled(first.status)
    end = at_most_once(wanted, other, bare)
    if first.factor is None:
        return end
    guarded: Factorisation = replace(first.factor, usable=first.factor.usable & ~wanted, complete=False)
    return replace(end, factor=guarded)


def taken(
    problem: QuadraticProgram, choice: Choice, differentiable: bool = False, one_sided: bool = False
) -> QuadraticProgram:
    """The problem as the chosen solver takes it: with dense matrices unless it takes sparse ones or parts.

    A ``differentiable`` problem with rows in cones is dense where it is small, so that its derivative stays within XLA,
    and where derivatives are ``one_sided``, whose programs are.
    """
    if choice.solver.takes_sparse and not (differentiable and _wants_dense(problem, one_sided)):
        return problem
    dense: QuadraticProgram = all_dense(problem)
    return in_parts(dense) if choice.solver.takes_parts else dense


def _wants_dense(problem: QuadraticProgram, one_sided: bool) -> bool:
    """Whether a cone program is differentiated with dense matrices."""
    rows = problem.cone_rows
    if rows is None:
        return False
    number = problem.equality_rhs.shape[0] + problem.inequality_matrix.shape[0] + rows.offset.shape[0]
    n = problem.linear.shape[0]
    largest = SMALL_DENSE if factorised_on_host(rows.cones) else LARGE_DENSE
    return one_sided or not isinstance(rows.matrix, BCOO) or (n + number) * n <= largest


@dataclass(frozen=True)
class Method:
    """The hashable function (problem, warm) ↦ Solution of some settings and a choice."""

    settings: Settings
    choice: Choice

    def active(self, dtype: Any) -> float:
        """The threshold of the derivative's rows."""
        return self.settings.threshold(dtype)

    @property
    def strongly_convex(self) -> bool:
        """Whether x is known to be unique."""
        return self.choice.strongly_convex

    @property
    def one_sided(self) -> bool:
        """Whether derivatives are one-sided."""
        return self.settings.one_sided

    def solve_auxiliary(self, problem: QuadraticProgram) -> Solution:
        """Solve another program with the same P or none, by the solver that suits it."""
        known = self.choice.strongly_convex if problem.quadratic is not None else None
        return Method(Settings(), choose(facts_of(problem, known or None)))(problem, None)

    def __call__(self, problem: QuadraticProgram, warm: Point | None) -> Solution:
        """Solve one problem."""
        problem = taken(problem, self.choice)
        if self.choice.fallback:
            return _with_fallback(problem, self.settings, warm, self.choice.regularised)
        if self.choice.regularised:
            return _regularised(problem, self.settings)
        if self.choice.then:
            return adapter.solve((self.choice.name, *self.choice.then), problem, self.settings, warm)
        return self.choice.solver.solve(problem, self.settings, warm)


def solve(
    problem: QuadraticProgram, settings: Settings, choice: Choice, warm: Point | None = None
) -> DifferentiableSolution:
    """Solve one problem, differentiably in its data; the statuses are those of the solver. See implicit.py."""
    ready = taken(problem, choice, differentiable=True, one_sided=settings.one_sided)
    return differentiate(Method(settings, choice), ready, warm)

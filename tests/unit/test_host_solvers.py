"""Host solvers on sparse problems: nothing of what they say is believed, and what is returned can be differentiated."""

import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.sparse import BCOO

from karush.solvers import certificates
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.host import adapter
from karush.solvers.host.program import Answer
from karush.solvers.host.registry import HOST_SOLVERS, HostSolver
from karush.solvers.protocol import Facts, Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve, taken
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Status

NAMES = [solver.name for solver in HOST_SOLVERS]
LINEAR = ["clarabel", "highs", "scs"]
TOLERANCE = 1e-9
N, P, M = 12, 3, 10


@pytest.fixture(autouse=True, scope="module")
def installed() -> None:
    for solver in HOST_SOLVERS:
        pytest.importorskip(solver.package)


def sparse(matrix: np.ndarray) -> BCOO:
    """A matrix with the pattern of its entries that are not zero."""
    indices = np.argwhere(matrix != 0).astype(np.int32)
    data = jnp.asarray(matrix[tuple(indices.T)])
    return BCOO((data, jnp.asarray(indices)), shape=matrix.shape, unique_indices=True, indices_sorted=True)


def quadratic_program(seed: int = 0) -> QuadraticProgram:
    """Strongly convex, feasible, with rows of all sorts of which some are active."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(N, N)) * (rng.random((N, N)) < 0.3)
    A, G = (rng.normal(size=(k, N)) * (rng.random((k, N)) < 0.5) for k in (P, M))
    x = rng.normal(size=N)
    return QuadraticProgram(
        quadratic=sparse(root @ root.T + np.eye(N)),
        linear=jnp.asarray(3 * rng.normal(size=N)),
        constant=jnp.asarray(0.5),
        equality_matrix=sparse(A),
        equality_rhs=jnp.asarray(A @ x),
        inequality_matrix=sparse(G),
        lower=jnp.asarray(G @ x - rng.uniform(0.05, 0.5, M)),
        upper=jnp.asarray(G @ x + rng.uniform(0.05, 0.5, M)),
        bound_lower=jnp.asarray(x - 0.1),
        bound_upper=jnp.asarray(x + 0.1),
        has_upper=jnp.asarray(np.arange(M) % 2 == 0),
        has_bound_lower=jnp.asarray(np.arange(N) % 3 > 0),
        has_bound_upper=jnp.asarray(np.arange(N) % 3 == 0),
    )


def linear_program() -> QuadraticProgram:
    """Bounded by its bounds on both sides; a vertex."""
    problem = quadratic_program(1)
    above = jnp.where(problem.bound_lower < 0, 2.0, 2.0 + problem.bound_lower)
    return replace(problem, quadratic=None, bound_upper=above, has_bound_lower=None, has_bound_upper=None)


def dense(problem: QuadraticProgram) -> QuadraticProgram:
    return taken(problem, choose(facts_of(problem), "ipm"))


@partial(jax.jit, static_argnums=(0,))
def answer_of(names: tuple[str, ...], problem: QuadraticProgram):
    return adapter.solve(names, problem, Settings())


@pytest.mark.parametrize("name", NAMES)
def test_points_and_signed_multipliers_are_those_of_the_embedded_interior_point(name) -> None:
    problem = quadratic_program()
    found = answer_of((name,), problem)
    assert found.status == Status.SOLVED
    assert worst(kkt_residuals(problem, found.point)) <= TOLERANCE
    other = jax.jit(lambda data: solve(data, Settings(), choose(facts_of(data), "ipm")))(dense(problem))
    assert found.objective == pytest.approx(float(other.objective), abs=1e-8)
    for ours, theirs in zip(jax.tree.leaves(found.point), jax.tree.leaves(other.point), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-7)
    assert np.abs(np.asarray(found.point.z)).max() > 1e-3 and np.abs(np.asarray(found.point.w)).max() > 1e-3


@pytest.mark.parametrize("name", LINEAR)
def test_linear_programs_end_at_rounding_level(name) -> None:
    problem = linear_program()
    found = answer_of((name,), problem)
    assert found.status == Status.SOLVED and worst(kkt_residuals(problem, found.point)) <= 1e-12


def contradiction() -> QuadraticProgram:
    """The second row asks for the first one's value to be larger than the first row lets it be."""
    problem = quadratic_program()
    G = np.array(problem.inequality_matrix.todense())
    G[1], lower, upper = G[0], problem.lower, problem.upper
    lower = lower.at[1].set(upper[0] + 1)
    return replace(problem, inequality_matrix=sparse(G), lower=lower, upper=upper.at[1].set(upper[0] + 2))


def endless() -> QuadraticProgram:
    """A variable without curvature, rows or an upper bound, whose price is negative."""
    problem = linear_program()
    A, G = (np.array(m.todense()) for m in (problem.equality_matrix, problem.inequality_matrix))
    A[:, -1] = G[:, -1] = 0
    there = jnp.arange(N) < N - 1
    return replace(
        problem,
        linear=problem.linear.at[-1].set(-1.0),
        equality_matrix=sparse(A),
        inequality_matrix=sparse(G),
        equality_rhs=jnp.zeros(P),
        lower=-jnp.ones(M),
        upper=jnp.ones(M),
        bound_lower=-jnp.ones(N),
        bound_upper=jnp.ones(N),
        has_bound_upper=there,
    )


@pytest.mark.parametrize("name", NAMES)
def test_certificates_verify_on_the_problem_as_given(name) -> None:
    problem = contradiction()
    found = answer_of((name,), problem)
    assert found.status == Status.INFEASIBLE
    assert certificates.infeasibility_defect(problem, found.certificate) <= TOLERANCE
    problem = endless()
    found = answer_of((name,), problem)
    assert found.status == Status.UNBOUNDED
    assert certificates.unboundedness_defect(problem, found.certificate) <= TOLERANCE


@pytest.mark.parametrize("claim", [Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED])
def test_what_is_claimed_in_vain_is_asked_of_the_next_solver(monkeypatch, claim) -> None:
    asked = []
    honest = HostSolver.answer

    def answer(solver: HostSolver, program, tolerance, max_iterations) -> Answer:
        asked.append(solver.name)
        found = honest(solver, program, tolerance, max_iterations)
        ones = np.ones_like(found.x)
        return replace(found, claim=claim, x=100 * ones, w=ones) if solver.name == "highs" else found

    monkeypatch.setattr(HostSolver, "answer", answer)
    problem = linear_program()
    found = adapter.solve(("highs", "clarabel"), problem, Settings())
    assert found.status == Status.SOLVED and worst(kkt_residuals(problem, found.point)) <= TOLERANCE
    assert asked[0] == "highs" and (claim == Status.SOLVED or asked[-1] == "clarabel")


def test_a_warm_start_at_the_solution_asks_nobody(monkeypatch) -> None:
    problem = quadratic_program()
    point = answer_of(("clarabel",), problem).point
    monkeypatch.setattr(HostSolver, "answer", None)
    nearby = jax.tree.map(lambda leaf: leaf * (1 + 1e-5), point)
    found = adapter.solve(("clarabel",), problem, Settings(), nearby)
    assert found.status == Status.SOLVED and found.iterations == 0


# ------------------------------------------------------------ derivatives


def values_of(problem: QuadraticProgram) -> dict[str, jax.Array]:
    """The arrays of numbers of a problem: of sparse matrices the stored entries."""
    parts = {name: leaf.data if isinstance(leaf, BCOO) else leaf for name, leaf in vars(problem).items()}
    arrays = {name: leaf for name, leaf in parts.items() if isinstance(leaf, jax.Array)}
    return {name: leaf for name, leaf in arrays.items() if leaf.dtype == jnp.float64}


def with_values(problem: QuadraticProgram, values: dict[str, jax.Array]) -> QuadraticProgram:
    def put(name: str, value: jax.Array):
        old = getattr(problem, name)
        if not isinstance(old, BCOO):
            return value
        return BCOO((value, old.indices), shape=old.shape, unique_indices=True, indices_sorted=True)

    return replace(problem, **{name: put(name, value) for name, value in values.items()})


def outputs(problem: QuadraticProgram, values: dict[str, jax.Array]) -> jax.Array:
    """A smooth function of the solution, its multipliers and its value."""
    data = with_values(problem, values)
    found = solve(data, Settings(), choose(facts_of(data), "clarabel"))
    point: Point = found.point
    return jnp.sum(jnp.sin(point.x)) + point.y @ point.y + jnp.sum(point.z**3) + point.w[1] + found.objective


def tangents(problem: QuadraticProgram) -> dict[str, jax.Array]:
    """A random change of all numbers that leaves P symmetric."""
    rng = np.random.default_rng(3)
    changes = {name: jnp.asarray(rng.normal(size=value.shape)) for name, value in values_of(problem).items()}
    if problem.quadratic is not None:
        rows, columns = np.asarray(problem.quadratic.indices).T
        change = rng.normal(size=(N, N))
        changes["quadratic"] = jnp.asarray((change + change.T)[rows, columns])
    return changes


@pytest.mark.parametrize("build", [quadratic_program, linear_program])
def test_forward_reverse_and_differences_agree_on_the_pattern(build) -> None:
    problem = build()
    function = jax.jit(partial(outputs, problem))
    values, changes = values_of(problem), tangents(problem)
    forward = jax.jit(lambda v, t: jax.jvp(partial(outputs, problem), (v,), (t,))[1])(values, changes)
    gradient = jax.jit(jax.grad(partial(outputs, problem)))(values)
    assert gradient["inequality_matrix"].shape == (problem.inequality_matrix.nse,)
    reverse = sum(jnp.vdot(gradient[name], changes[name]) for name in changes)
    step = 1e-6

    def moved(sign: float) -> jax.Array:
        return function({name: value + sign * step * changes[name] for name, value in values.items()})

    size = 1 + abs(float(forward))
    assert float(reverse) == pytest.approx(float(forward), abs=1e-9 * size)
    assert float((moved(1) - moved(-1)) / (2 * step)) == pytest.approx(float(forward), abs=1e-5 * size)


def test_batches_second_derivatives_and_evidence() -> None:
    problem = quadratic_program()

    def value(q: jax.Array) -> jax.Array:
        found = solve(replace(problem, linear=q), Settings(), choose(facts_of(problem), "highs"))
        return found.objective + jnp.sum(found.point.x**2)

    q = problem.linear
    gradient = jax.grad(value)
    lanes = jax.jit(jax.vmap(gradient))(jnp.stack([q, q + 1e-3]))
    np.testing.assert_allclose(lanes[0], gradient(q), atol=1e-9)
    hessian = jax.jit(jax.hessian(value))(q)
    step = 1e-3 * jnp.eye(N)[0]
    np.testing.assert_allclose((gradient(q + step) - gradient(q - step)) / 2e-3, hessian[0], atol=1e-6)
    sides = [jax.jit(lambda data: solve(data, Settings(), choose(facts_of(data), "clarabel")).evidence)]
    sides.append(jax.jit(lambda data: solve(data, Settings(), choose(facts_of(data), "ipm")).evidence))
    ours, theirs = (side(data) for side, data in zip(sides, (problem, dense(problem)), strict=True))
    assert ours.primal == ours.dual == ours.objective == DerivativeStatus.UNIQUE
    assert ours.rank == theirs.rank and float(ours.sigma_min) == pytest.approx(float(theirs.sigma_min), rel=1e-3)
    np.testing.assert_array_equal(ours.active_z, theirs.active_z)


def test_redundant_equations_have_their_rank_and_no_unique_multipliers() -> None:
    problem = quadratic_program()
    A, b = np.array(problem.equality_matrix.todense()), np.array(problem.equality_rhs)
    A[2], b[2] = A[0] - 2 * A[1], b[0] - 2 * b[1]
    problem = replace(problem, equality_matrix=sparse(A), equality_rhs=jnp.asarray(b))
    evidence = jax.jit(lambda data: solve(data, Settings(), choose(facts_of(data), "clarabel")).evidence)(problem)
    active = int(evidence.active_z.sum() + evidence.active_w.sum())
    assert evidence.rank == active + 2
    assert evidence.primal == DerivativeStatus.UNIQUE and evidence.dual == DerivativeStatus.UNDEFINED


def test_a_lane_without_a_solution_leaves_the_others_alone() -> None:
    problem = quadratic_program()
    bad = contradiction()
    problem = replace(problem, inequality_matrix=bad.inequality_matrix)
    lower = jnp.stack([problem.lower - 10, bad.lower])
    upper = jnp.stack([problem.upper + 10, bad.upper])

    def value(low: jax.Array, high: jax.Array):
        data = replace(problem, lower=low, upper=high)
        found = solve(data, Settings(), choose(facts_of(data), "clarabel"))
        return jnp.sum(found.point.x), found.status

    gradients, status = jax.jit(jax.vmap(jax.grad(value, has_aux=True)))(lower, upper)
    assert status.tolist() == [Status.SOLVED, Status.INFEASIBLE]
    assert np.isfinite(gradients[0]).all() and np.isnan(gradients[1]).any()


# ------------------------------------------------------------ cones


def cone_program() -> QuadraticProgram:
    """min ½‖x − a‖² with a point of every kind of cone held near a point outside of it."""
    cones = (Cones("second_order", 3, 1), Cones("semidefinite", 6, 1), Cones("exponential", 3, 1), Cones("power", 3, 1))
    outside = np.array([0.5, 1.0, -1.0, -1.0, 0.4, 2.0, 0.3, -0.7, 0.5, 0.4, 0.8, 1.0, 0.5, 0.6, -1.5])
    n = outside.size
    rows = ConeRows(jnp.eye(n), jnp.zeros(n), jnp.asarray([0.3]), cones)
    zero = jnp.zeros((0, n))
    return QuadraticProgram(
        jnp.eye(n), -jnp.asarray(outside), jnp.zeros(()), zero, zero[:, 0], zero, None, None, None, None, cone_rows=rows
    )


def test_cones_of_every_kind_stand_in_the_order_that_each_solver_wants() -> None:
    """The projections of the same point by two solvers with different orders of cones and of triangles."""
    first, second = (answer_of((name,), cone_program()) for name in ("clarabel", "scs"))
    np.testing.assert_allclose(first.point.x, second.point.x, atol=1e-5)
    np.testing.assert_allclose(first.point.u, second.point.u, atol=1e-5)
    t, tail = first.point.x[0], first.point.x[1:3]
    np.testing.assert_allclose([t, *tail], np.array([1, *(np.array([1, -1]) / np.sqrt(2))]) * t, atol=1e-6)


# ------------------------------------------------------------ the choice


def facts(**changes) -> Facts:
    base = Facts(5000, 100, 4000, 5000, True, None, nonzeros=40_000)
    return replace(base, **changes)


def test_large_and_sparse_goes_to_the_host_with_a_reason() -> None:
    choice = choose(facts())
    assert choice.solver.on_host and choice.then and "5000 variables" in choice.reason
    assert choose(facts(has_quadratic=False)).name == "highs"
    assert choose(facts(nonzeros=None)).solver.on_host
    assert choose(facts(has_cones=True)).name == "clarabel"


@pytest.mark.parametrize(
    "changes",
    [
        {"variables": 20, "equalities": 0, "inequalities": 20, "nonzeros": 60},
        {"nonzeros": 40_000_000},
        {"platform": "gpu"},
        {"variables": 1500, "nonzeros": None},
    ],
)
def test_small_dense_and_accelerated_work_stays_in_xla(changes) -> None:
    assert not choose(facts(**changes)).solver.on_host


def test_large_and_sparse_without_a_host_solver_is_solved_by_products(monkeypatch) -> None:
    for changes in ({"platform": "gpu"}, {"platform": "gpu", "has_cones": True, "conic": 3000}):
        choice = choose(facts(**changes))
        assert choice.name == "pdhg" and "5000 variables" in choice.reason and "gpu" in choice.reason
    assert choose(facts(platform="gpu", nonzeros=40_000_000)).name == "ipm"
    monkeypatch.setattr(HostSolver, "is_installed", property(lambda _: False))
    assert choose(facts(has_cones=True)).name == "pdhg"


def test_a_missing_package_is_said_with_its_repair(monkeypatch) -> None:
    monkeypatch.setattr(HostSolver, "is_installed", property(lambda _: False))
    with pytest.raises(ValueError, match=r'pip install "karush\[host\]"'):
        choose(facts(), "clarabel")
    choice = choose(facts())
    assert not choice.solver.on_host and 'pip install "karush[host]"' in choice.reason


def test_cones_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="takes no constraints in cones"):
        choose(facts(has_cones=True), "highs")


def test_a_small_program_imports_no_host_solver() -> None:
    code = (
        "import jax.numpy as jnp, sys\n"
        "from karush.solvers.quadratic_driver import *\n"
        "from karush.solvers.forms.quadratic import QuadraticProgram\n"
        "E = jnp.zeros((0, 2))\n"
        "p = QuadraticProgram(jnp.eye(2), jnp.ones(2), jnp.zeros(()), E, E[:, 0], E, None, None, None, None)\n"
        "print(solve(p, Settings(), choose(facts_of(p))).status)\n"
        "print(' '.join(m for m in sys.modules if m.split('.')[0] in ('clarabel', 'highspy', 'osqp', 'scs')))"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout.split() == ["0"]

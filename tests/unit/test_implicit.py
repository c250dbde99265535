"""The derivative rule: forward, reverse and differences agree, twice over; batches and masked losses are right."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.solvers.result import Status

N, P, M = 5, 1, 4


def random_problem(seed: int) -> QuadraticProgram:
    """Strongly convex and feasible, with rows and bounds of both sides."""
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(N, N))
    A, G, x = rng.normal(size=(P, N)), rng.normal(size=(M, N)), rng.normal(size=N)
    data = QuadraticProgram(
        quadratic=root @ root.T + 0.1 * np.eye(N),
        linear=rng.normal(size=N),
        constant=np.asarray(0.3),
        equality_matrix=A,
        equality_rhs=A @ x,
        inequality_matrix=G,
        lower=G @ x - rng.uniform(size=M),
        upper=G @ x + rng.uniform(size=M),
        bound_lower=x - rng.uniform(size=N),
        bound_upper=x + rng.uniform(size=N),
    )
    return jax.tree.map(jnp.asarray, data)


CHOICE = choose(facts_of(random_problem(0), strongly_convex=True))


def random_tangent(seed: int) -> QuadraticProgram:
    rng = np.random.default_rng(seed)
    data = jax.tree.map(lambda leaf: jnp.asarray(rng.normal(size=leaf.shape)), random_problem(0))
    return replace(data, quadratic=data.quadratic + data.quadratic.T)


def along(problem: QuadraticProgram, tangent: QuadraticProgram, step) -> QuadraticProgram:
    return jax.tree.map(lambda a, b: a + step * b, problem, tangent)


def outputs(problem: QuadraticProgram) -> jax.Array:
    solution = solve(problem, Settings(), CHOICE)
    point = solution.point
    return jnp.concatenate([point.x, point.y, point.z, point.w, solution.objective[None]])


@jax.jit
def loss(problem: QuadraticProgram) -> jax.Array:
    """A smooth function of all outputs."""
    u = outputs(problem)
    return jnp.sum(jnp.sin(u * (1 + jnp.arange(u.shape[0])))) + u @ u


@jax.jit
def forward(problem, tangent):
    return jax.jvp(loss, (problem,), (tangent,))[1]


reverse = jax.jit(jax.grad(loss))


@jax.jit
def second(problem, tangent):
    """The second derivative along a line, forward over reverse and forward over forward."""

    def line(t):
        return loss(along(problem, tangent, t))

    return jax.hessian(line)(0.0), jax.jacfwd(jax.jacfwd(line))(0.0)


@pytest.mark.parametrize("seed", range(4))
def test_forward_reverse_and_differences_agree_in_every_array(seed):
    problem = random_problem(seed)
    gradient = reverse(problem)
    for number, (name, leaf) in enumerate(vars(random_tangent(seed)).items()):
        if leaf is None or name == "separable":
            continue
        zero = jax.tree.map(jnp.zeros_like, problem)
        tangent = replace(zero, **{name: leaf})
        rate = forward(problem, tangent)
        step = 1e-6
        difference = (loss(along(problem, tangent, step)) - loss(along(problem, tangent, -step))) / (2 * step)
        assert np.isclose(jnp.vdot(getattr(gradient, name), leaf), rate, rtol=1e-9, atol=1e-9), (name, number)
        assert np.isclose(rate, difference, rtol=2e-5, atol=2e-5), name


def test_second_derivatives():
    problem, tangent = random_problem(1), random_tangent(7)
    by_hessian, by_forward = second(problem, tangent)
    step = 1e-5

    def slope(t):
        return forward(along(problem, tangent, t), tangent)

    difference = (slope(step) - slope(-step)) / (2 * step)
    assert np.isclose(by_hessian, by_forward, rtol=1e-8)
    assert np.isclose(by_hessian, difference, rtol=1e-4)


def test_jacobians_by_columns_and_by_rows_agree():
    problem = random_problem(2)

    def of_linear(q):
        return outputs(replace(problem, linear=q))

    by_columns, by_rows = jax.jit(lambda q: (jax.jacfwd(of_linear)(q), jax.jacrev(of_linear)(q)))(problem.linear)
    assert np.allclose(by_columns, by_rows, atol=1e-9)
    assert np.allclose(by_columns[:N], by_columns[:N].T, atol=1e-9)


def test_an_entry_of_the_quadratic_counts_on_its_own():
    """½xᵀPx has the derivative ½x_i x_j in P_ij, and x moves as under half of each of P_ij and P_ji."""
    problem = random_problem(3)
    gradient = jax.jit(jax.grad(lambda P: solve(replace(problem, quadratic=P), Settings(), CHOICE).objective))(
        problem.quadratic
    )
    x = outputs(problem)[:N]
    assert np.allclose(gradient, 0.5 * np.outer(x, x), atol=1e-9)
    assert np.allclose(reverse(problem).quadratic, reverse(problem).quadratic.T, atol=1e-10)


def shared_batch(rhs):
    """Three lanes min ½‖x‖² + ½(s x_0)², x_0 + x_1 = b, x ≤ 1 with the param s shared; b = 3 is infeasible."""

    def lane(s, b):
        problem = QuadraticProgram(
            quadratic=jnp.diag(jnp.stack([1 + s**2, jnp.ones_like(s)])),
            linear=jnp.zeros(2),
            constant=jnp.zeros(()),
            equality_matrix=jnp.ones((1, 2)),
            equality_rhs=b[None],
            inequality_matrix=jnp.zeros((0, 2)),
            lower=None,
            upper=None,
            bound_lower=None,
            bound_upper=jnp.ones(2),
        )
        return solve(problem, Settings(), choose(facts_of(problem, strongly_convex=True)))

    return jax.vmap(lane, in_axes=(None, 0)), jnp.asarray(rhs)


def test_an_infeasible_lane_leaves_a_masked_loss_and_shared_params_alone():
    batch, rhs = shared_batch([1.0, 3.0, 0.5])

    def masked(s, with_objective):
        found = batch(s, rhs)
        values = found.point.x[:, 0] + found.point.y[:, 0] + with_objective * found.objective
        return jnp.sum(jnp.where(found.status == Status.SOLVED, values, 0.0))

    s = jnp.asarray(0.7)
    ratio = 2 + s**2
    # x_0 = b/(2 + s²), y = (1 + s²) x_0, V = ½ (1 + s²)/(2 + s²) b²
    wanted = -2 * s / ratio**2 * 1.5 + 2 * s / ratio**2 * 1.5
    value = s / ratio**2 * (1.0 + 0.25)

    @jax.jit
    def twice(s, with_objective):
        """The first and the second derivative, forward over reverse, in one program."""
        return jax.jvp(lambda t: jax.grad(masked)(t, with_objective), (s,), (jnp.ones_like(s),))

    (without, _), (with_it, second_derivative) = twice(s, 0.0), twice(s, 1.0)
    assert np.isclose(without, wanted, atol=1e-10)
    assert np.isclose(with_it, wanted + value, atol=1e-10)
    assert np.isfinite(second_derivative)


@pytest.fixture(scope="module")
def three_lanes():
    """Of a batch whose second lane is infeasible: the Jacobians of x and the optimal value, both ways; the solution."""
    batch, rhs = shared_batch([1.0, 3.0, 0.5])

    def of_rhs(b):
        found = batch(jnp.asarray(0.7), b)
        return (found.point.x, found.objective), found

    @jax.jit
    def everything(b):
        by_rows, found = jax.jacrev(of_rhs, has_aux=True)(b)
        by_columns, _ = jax.jacfwd(of_rhs, has_aux=True)(b)
        return by_rows, by_columns, found

    return everything(rhs)


def test_an_unmasked_infeasible_lane_is_not_a_number_and_alone_in_that(three_lanes):
    for x, v in (map(np.asarray, jacobians) for jacobians in three_lanes[:2]):
        assert np.all(np.isfinite(x[::2, :, ::2])) and np.all(np.isfinite(v[::2, ::2]))
        assert np.all(np.isnan(x[1, :, 1])) and np.isnan(v[1, 1])
        assert not np.any(x[0, :, 1]) and not np.any(x[2, :, 1])


def test_the_status_of_the_batch_says_so(three_lanes):
    found = three_lanes[2]
    unique, undefined = DerivativeStatus.UNIQUE, DerivativeStatus.UNDEFINED
    assert found.status.tolist() == [Status.SOLVED, Status.INFEASIBLE, Status.SOLVED]
    for verdict in (found.evidence.primal, found.evidence.dual, found.evidence.objective):
        assert verdict.tolist() == [unique, undefined, unique]


def test_evidence_of_a_regular_problem_matches_numpy():
    problem = random_problem(1)
    found = solve(problem, Settings(), CHOICE)
    evidence, lin = found.evidence, found.linearisation
    rows = np.asarray(problem.inequality_matrix)[np.asarray(evidence.active_z)]
    C = np.vstack([problem.equality_matrix, rows, np.eye(N)[np.asarray(evidence.active_w)]])
    K = np.block([[problem.quadratic, C.T], [C, np.zeros((len(C), len(C)))]])
    assert evidence.rank == np.linalg.matrix_rank(C) == len(C)
    assert np.isclose(evidence.sigma_min, np.linalg.svd(K)[1][-1], rtol=0.1)
    assert evidence.gap > 1e-6
    assert not np.any(lin.kernel)


def test_nothing_is_traced_twice():
    problem, traces = random_problem(0), []

    @jax.jit
    def counted(data):
        traces.append(None)
        return outputs(data)

    counted(problem)
    counted(random_problem(1))
    assert len(traces) == 1


def test_a_point_that_starts_a_solve_carries_no_derivative():
    problem = random_problem(0)
    warm = Point(jnp.zeros(N), jnp.zeros(P), jnp.zeros(M), jnp.zeros(N))

    def of_warm(point):
        return jnp.sum(solve(problem, Settings(), CHOICE, point).point.x)

    assert not np.any(jax.jit(jax.grad(of_warm))(warm).x)

"""The continuous quadratic knapsack: points, certificates, statuses; by name, by structure, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush import loads
from karush.errors import ModelError
from karush.solvers.certificates import infeasibility_defect
from karush.solvers.diagonal_factor import by_row
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.knapsack import MAX_ITERATIONS, solve
from karush.solvers.matrices import Diagonal
from karush.solvers.residuals import worst
from karush.solvers.result import Status

SIMPLEX = "dim n\nparam p[n]\nvar x[n] in simplex\nminimize sumsq(x - p) / 2\n"
WEIGHTED = """dim n
param c[n] in pos, q[n], a[n], b, low[n], high[n]
var x[n] in box(low, high)
minimize sum(c[i] * x[i]^2 for i in n) / 2 + q @ x
subject to
  total: a @ x == b
"""


def program(d, q, a=None, b=0.0, lower=None, upper=None) -> QuadraticProgram:
    """min ½ Σ d x² + q x with aᵀx = b and bounds; infinite bounds are absent."""
    d, q = jnp.asarray(d), jnp.asarray(q)
    rows = jnp.zeros((0, d.size)) if a is None else jnp.asarray(a)[None]

    def side(values):
        if values is None:
            return None, None
        values = jnp.broadcast_to(jnp.asarray(values, d.dtype), d.shape)
        return jnp.where(jnp.isfinite(values), values, 0), jnp.isfinite(values)

    (low, has_low), (high, has_high) = side(lower), side(upper)
    return QuadraticProgram(
        Diagonal(d), q, jnp.zeros(()), rows, jnp.full(rows.shape[:1], b), jnp.zeros((0, d.size)),
        None, None, low, high, None, None, has_low, has_high,
    )  # fmt: skip


def solved(problem: QuadraticProgram):
    return jax.jit(lambda data: solve(data, 1e-9, MAX_ITERATIONS))(problem)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("bounds", ["both", "mixed", "none"])
def test_random_problems_are_solved_to_rounding(seed, bounds) -> None:
    rng = np.random.default_rng(seed)
    n = 60
    d, q, a = rng.uniform(0.01, 100, n), rng.normal(size=n) * 10, rng.normal(size=n)
    a[:3] = 0
    x = rng.normal(size=n)
    lower, upper = x - rng.uniform(0, 1, n), x + rng.uniform(0, 1, n)
    lower[:5] = upper[:5]
    if bounds == "mixed":
        lower[10:30], upper[20:40] = -np.inf, np.inf
    x = np.clip(x, lower, upper)
    given = {} if bounds == "none" else {"lower": lower, "upper": upper}
    found = solved(program(d, q, a, a @ x, **given))
    assert found.status == Status.SOLVED and worst(found.residuals) < 1e-12
    assert found.iterations < 30


def test_scales_of_many_powers_do_not_slow_it_down() -> None:
    rng = np.random.default_rng(0)
    n = 400
    d, a = 10 ** rng.uniform(-6, 6, n), 10 ** rng.uniform(-4, 4, n)
    found = solved(program(d, rng.normal(size=n) * d, a, 3.0, lower=0.0))
    assert found.status == Status.SOLVED and found.iterations < 120


@pytest.mark.parametrize(("b", "status"), [(0.0, 0), (4.0, 0), (4.1, 2), (-0.1, 2), (2.0, 0)])
def test_the_reach_of_the_bounds(b, status) -> None:
    """At its ends the multiplier is not unique, beyond them there is a certificate."""
    problem = program(np.ones(4), np.zeros(4), np.ones(4), b, lower=0.0, upper=1.0)
    found = solved(problem)
    assert found.status == status
    if status == Status.INFEASIBLE:
        assert infeasibility_defect(problem, found.certificate) < 1e-12
    else:
        np.testing.assert_allclose(found.point.x, b / 4, atol=1e-15)


def test_no_equation_crossing_bounds_empty_row_and_bad_data() -> None:
    assert np.allclose(solved(program(np.ones(3), -np.array([1.0, 2, 3]), upper=2.0)).point.x, [1, 2, 2])
    found = solved(program(np.ones(2), np.zeros(2), lower=1.0, upper=0.0))
    assert found.status == Status.INFEASIBLE and list(found.certificate.w) == [1, 0]
    assert solved(program(np.ones(2), np.zeros(2), np.zeros(2), 1.0)).status == Status.INFEASIBLE
    assert solved(program(np.ones(2), np.zeros(2), np.zeros(2), 0.0)).status == Status.SOLVED
    assert solved(program(np.ones(2), np.array([np.nan, 0]), np.ones(2), 1.0)).status == Status.FAILED
    assert solved(program(np.zeros(2), np.ones(2), np.ones(2), 1.0, lower=0.0)).status != Status.SOLVED


def test_it_refuses_what_it_does_not_take() -> None:
    with pytest.raises(ValueError, match="one row"):
        by_row(jnp.ones(2), jnp.ones((2, 2)), 1e-8)
    with pytest.raises(TypeError, match="diagonal"):
        solve(QuadraticProgram(jnp.eye(2), *[jnp.zeros(2), jnp.zeros(())], jnp.zeros((0, 2)), jnp.zeros(0),
                               jnp.zeros((0, 2)), None, None, None, None), 1e-9, 10)  # fmt: skip
    two = "  a: x[0] + x[1] == 1\n  b: x[0] - x[2] == 1\nusing knapsack\n"
    for text in (
        "minimize sumsq(x - p)\nsubject to\n" + two,
        "minimize (x[0] + x[1] - p[0])^2 + x[2]\nusing knapsack\n",
    ):
        with pytest.raises(ModelError, match="a quadratic term that is known to be diagonal"):
            loads("param p[3]\nvar x[3]\n" + text)(p=np.ones(3))


# ---------------------------------------------------------------- by the structure of the text


def nearest(p: np.ndarray) -> np.ndarray:
    """The projection on the simplex, by sorting."""
    ordered = np.sort(p)[::-1]
    level = (np.cumsum(ordered) - 1) / np.arange(1, p.size + 1)
    return np.maximum(p - level[np.sum(ordered > level) - 1], 0)


@pytest.mark.parametrize(
    ("objective", "name"),
    [
        ("sumsq(x - p) / 2", "knapsack"),
        ("sum((x[i] - p[i])^2 for i in n)", "knapsack"),
        ("sumsq(x) / 2 - p @ x + 3", "knapsack"),
        ("sum((1 + p[i]^2) * (x[i] - 2)^2 / 3 + p[i] * x[i] for i in n)", "knapsack"),
        ("sum(abs(x)) + sumsq(x - p)", "active_set"),
        ("sumsq(x - p) + (x[0] + x[1])^2", "active_set"),
        ("sum((x[i + 1] - x[i])^2 for i in range(n - 1)) + sumsq(x)", "active_set"),
        ("sum(x[i]^2 for i in n, j in range(2))", "active_set"),
        ("p @ x", "ipm"),
    ],
)
def test_the_text_says_whether_it_separates(objective, name) -> None:
    model = loads(SIMPLEX.replace("sumsq(x - p) / 2", objective))
    compiled = model.compile_for({"n": 60})
    assert compiled.choice.name == name and (compiled.assembly.word == "diagonal") == (name == "knapsack")
    assert model.compile_for({"n": 4}).choice.name == name.replace("knapsack", "active_set")


@pytest.mark.parametrize("n", [60, 5000])
def test_a_projection_its_multipliers_and_its_derivative(n) -> None:
    p = np.random.default_rng(1).normal(size=n)
    model, x = loads(SIMPLEX), nearest(p)
    found = model(p=p)
    np.testing.assert_allclose(found.x, x, atol=1e-14)
    np.testing.assert_allclose(found.dual.x, np.where(x > 0, 0, x - p + np.max((p - x)[x > 0])), atol=1e-13)
    assert found.derivative.primal == 0 and found.derivative.rank == 1 + np.sum(x == 0)
    weight = np.cos(np.arange(n))
    slope = jax.grad(lambda p: jnp.sum(weight * model(p=p).x))(p)
    free = x > 0
    np.testing.assert_allclose(slope, np.where(free, weight - np.mean(weight[free]), 0), atol=1e-12)
    tangent = jax.jvp(lambda p: model(p=p).x, (p,), (weight,))[1]
    np.testing.assert_allclose(tangent, slope, atol=1e-12)


def test_every_param_has_its_derivative_as_the_dense_solvers_give_it() -> None:
    rng = np.random.default_rng(2)
    n = 12
    x = rng.normal(size=n)
    data = {
        "c": rng.uniform(0.5, 2, n), "q": rng.normal(size=n), "a": rng.normal(size=n),
        "low": x - rng.uniform(0, 0.4, n), "high": x + rng.uniform(0, 0.4, n),
    }  # fmt: skip
    data["b"] = data["a"] @ x
    data["high"][0] = np.inf
    weight = rng.normal(size=n)

    def values(solver):
        model = loads(WEIGHTED).with_options(solver=solver)

        def loss(data):
            found = model(**data)
            ends = jnp.sum(found.dual.x.lower**2) + jnp.sum(jnp.sin(found.dual.x.upper))
            return weight @ found.x + found.dual.total**2 + ends + found.objective

        point = {name: jnp.asarray(value) for name, value in data.items()}
        direction = {name: jnp.cos(1.0 + jnp.arange(value.size).reshape(value.shape)) for name, value in point.items()}
        direction["high"] = direction["high"].at[0].set(0)
        second = jax.jvp(jax.grad(loss), (point,), (direction,))[1]
        return loss(point), jax.grad(loss)(point), {name: part for name, part in second.items() if name != "high"}

    assert loads(WEIGHTED).with_options(solver="knapsack")(**data).status == Status.SOLVED
    for got, want in zip(*map(jax.tree.leaves, map(values, ("knapsack", "active_set"))), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-7)


def test_at_a_kink_one_side_or_the_other() -> None:
    model = loads(SIMPLEX.replace("simplex", "nonneg")).with_options(solver="knapsack")
    p = jnp.array([0.0, 1.0, -1.0])
    found = model(p=p)
    assert found.derivative.primal == 1 and list(np.asarray(found.derivative.weakly_active.x)) == [True, False, False]
    sided = model.with_options(one_sided=True)
    for sign, rate in ((1.0, 1.0), (-1.0, 0.0)):
        moved = jax.jvp(lambda p: sided(p=p).x, (p,), (sign * jnp.array([1.0, 0, 0]),))[1]
        np.testing.assert_allclose(moved, [rate, 0, 0], atol=1e-12)


def test_a_batch_with_a_lane_without_a_solution() -> None:
    model = loads("param p[3], b\nvar x[3] in box(0, 1)\nminimize sumsq(x - p)\nsubject to\n  total: sum(x) == b\n")
    model = model.with_options(solver="knapsack")
    p, b = 0.1 * np.random.default_rng(3).normal(size=(4, 3)), np.array([1.0, 5.0, 2.0, 0.5])

    def loss(p, b):
        found = model(p=p, b=b)
        return jnp.sum(jnp.where(found.status == 0, found.x, 0) ** 2), found.status

    (values, status), slopes = jax.vmap(jax.value_and_grad(loss, has_aux=True))(p, b)
    assert list(np.asarray(status)) == [0, 2, 0, 0] and np.all(np.isfinite(values))
    assert np.all(np.isfinite(slopes)) and np.all(np.asarray(slopes[1]) == 0) and np.any(np.asarray(slopes[0]) != 0)


def test_single_precision_a_start_and_no_callback() -> None:
    model = loads(SIMPLEX)
    p = np.random.default_rng(4).normal(size=300)
    single = model.with_options(dtype="f32")(p=p.astype(np.float32))
    assert single.status == Status.SOLVED and single.x.dtype == jnp.float32
    np.testing.assert_allclose(single.x, nearest(p), atol=1e-6)
    compiled = model.compile_for({"n": 300})
    first = compiled.function({"p": jnp.asarray(p)})
    again = compiled.function({"p": jnp.asarray(p)}, first.point)
    assert again.iterations <= 2 and again.status == Status.SOLVED
    text = jax.jit(jax.grad(lambda p: jnp.sum(compiled.function({"p": p}).values["x"] ** 2))).lower(p).as_text()
    assert "callback" not in text and "300x300" not in text

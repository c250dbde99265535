"""Programs without a solution: every lane says so, with a certificate that is checked here from its definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

from karush.solvers.certificates import infeasibility_defect, unboundedness_defect
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.interior_point import solve
from karush.solvers.residuals import default_tolerance
from karush.solvers.result import Solution, Status

LANES = 40
TOL = default_tolerance(np.float64)
_solve_batch = jax.jit(jax.vmap(solve, in_axes=(0, None, None)))
Generator = np.random.Generator


def solve_batch(problems: QuadraticProgram) -> Solution:
    """One compilation per shape, and the one that test_interior_point.py has."""
    return _solve_batch(problems, TOL, 100)


def program(
    q: np.ndarray,
    P: np.ndarray | None = None,
    A: np.ndarray | None = None,
    b: np.ndarray | None = None,
    G: np.ndarray | None = None,
    rows: tuple[None, np.ndarray | None] = (None, None),
    bounds: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
) -> QuadraticProgram:
    """A program whose given sides are all there."""
    A, b = (np.zeros((0, q.size)), np.zeros(0)) if A is None or b is None else (A, b)
    G = np.zeros((0, q.size)) if G is None else G
    return QuadraticProgram(P, q, np.zeros(()), A, b, G, *rows, *bounds)


def batch(make: Callable[[Generator], QuadraticProgram]) -> QuadraticProgram:
    rng = np.random.default_rng(7)
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(make(rng) for _ in range(LANES)))


def lane(tree: Any, i: int) -> Any:
    return jax.tree.map(lambda leaf: leaf[i], tree)


def _contradiction(rng: Generator, n: int, m: int, margin: float) -> tuple[np.ndarray, np.ndarray]:
    """Rows Gx ≤ h with zᵀG = 0, zᵀh = −margin for some z > 0."""
    G, z, h = rng.normal(size=(m, n)), rng.random(m) + 0.1, rng.normal(size=m)
    G[-1] = -(z[:-1] @ G[:-1]) / z[-1]
    return G, h - z * (z @ h + margin) / (z @ z)


def infeasible_linear(rng: Generator) -> QuadraticProgram:
    G, h = _contradiction(rng, 8, 24, 0.01 + rng.random())
    return program(rng.normal(size=8), G=G, rows=(None, h))


def infeasible_quadratic(rng: Generator) -> QuadraticProgram:
    G, h = _contradiction(rng, 8, 24, 0.01 + rng.random())
    L = rng.normal(size=(8, 8))
    return program(rng.normal(size=8), P=L @ L.T, G=G, rows=(None, h))


def inconsistent_equalities(rng: Generator) -> QuadraticProgram:
    A, L = rng.normal(size=(4, 8)), rng.normal(size=(8, 8))
    A = np.vstack([A, A.sum(0)])
    return program(rng.normal(size=8), L @ L.T, A, rng.normal(size=5), bounds=(-np.ones(8), None))


def crossed_sides(rng: Generator) -> QuadraticProgram:
    p = rng.random(3)
    return program(rng.normal(size=3), P=np.eye(3), bounds=(p, np.array([2.0, 0.0, 3.0])))


def unbounded_linear(rng: Generator, n: int = 8, m: int = 24) -> QuadraticProgram:
    d, G, x, q = rng.normal(size=n), rng.normal(size=(m, n)), rng.normal(size=n), rng.normal(size=n)
    G *= -np.sign(G @ d)[:, None]
    G[:3] -= np.outer(G[:3] @ d, d) / (d @ d)
    return program(q - d * (q @ d + 1) / (d @ d), G=G, rows=(None, G @ x + rng.random(m)))


def unbounded_quadratic(rng: Generator, n: int = 8) -> QuadraticProgram:
    base = unbounded_linear(rng, n)
    d = scipy.optimize.linprog(
        base.linear, A_ub=base.inequality_matrix, b_ub=np.zeros(24), bounds=(-1, 1), method="highs"
    ).x
    L = rng.normal(size=(n, 4))
    L -= np.outer(d, d @ L) / (d @ d)
    return program(base.linear, P=L @ L.T, G=base.inequality_matrix, rows=(None, base.upper))


def free_fall(rng: Generator, n: int = 5) -> QuadraticProgram:
    L = rng.normal(size=(n, 3))
    return program(rng.normal(size=n), P=L @ L.T)


def _farkas_defect(one: QuadraticProgram, certificate: Point) -> float:
    """From the definition: the sum of the rows, wrong sides, and the value's distance from 1."""
    y, z = np.asarray(certificate.y), np.asarray(certificate.z)
    w = np.zeros(one.linear.size) if certificate.w is None else np.asarray(certificate.w)
    total = one.equality_matrix.T @ y + one.inequality_matrix.T @ z + w
    value = one.equality_rhs @ y
    families = [
        (z, one.lower, one.has_lower, one.upper, one.has_upper),
        (w, one.bound_lower, one.has_bound_lower, one.bound_upper, one.has_bound_upper),
    ]
    for multiplier, low, has_low, high, has_high in families:
        for chosen, side, present in ((multiplier > 0, low, has_low), (multiplier < 0, high, has_high)):
            if chosen.any():
                assert side is not None
                assert present is None or np.asarray(present)[chosen].all()
                value = value + np.asarray(side)[chosen] @ multiplier[chosen]
    assert not np.asarray(certificate.x).any()
    return float(max(np.abs(total).max(), abs(value - 1)))


@pytest.mark.parametrize(
    "make", [infeasible_linear, infeasible_quadratic, inconsistent_equalities], ids=lambda make: make.__name__
)
def test_every_infeasible_lane_has_a_farkas_certificate(make: Callable[[Generator], QuadraticProgram]) -> None:
    problems = batch(make)
    solution = solve_batch(problems)
    assert (np.asarray(solution.status) == Status.INFEASIBLE).all()
    assert max(_farkas_defect(lane(problems, i), lane(solution.certificate, i)) for i in range(LANES)) < 1e-8
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(solution))


def test_crossed_sides_are_infeasible_and_the_certificate_names_them() -> None:
    problems = batch(crossed_sides)
    solution = solve_batch(problems)
    assert (np.asarray(solution.status) == Status.INFEASIBLE).all()
    crossed = 1 / (np.asarray(problems.bound_lower)[:, 1] - 0.0)
    np.testing.assert_allclose(solution.certificate.w, np.outer(crossed, [0, 1, 0]))


@pytest.mark.parametrize("make", [unbounded_linear, unbounded_quadratic, free_fall], ids=lambda make: make.__name__)
def test_every_unbounded_lane_has_a_ray(make: Callable[[Generator], QuadraticProgram]) -> None:
    problems = batch(make)
    solution = solve_batch(problems)
    assert (np.asarray(solution.status) == Status.UNBOUNDED).all()
    for i in range(LANES):
        one, d = lane(problems, i), np.asarray(solution.certificate.x[i])
        size = np.abs(d).max()
        assert abs(one.linear @ d + 1) < 1e-9
        assert (one.inequality_matrix @ d < 1e-8 * size).all()
        if one.quadratic is not None:
            assert np.abs(one.quadratic @ d).max() < 1e-8 * size
        assert not np.asarray(solution.certificate.z[i]).any()


def test_what_is_no_certificate_is_not_taken_for_one() -> None:
    problem = program(np.array([1.0]), G=np.array([[1.0], [-1.0]]), rows=(None, np.array([1.0, 0.0])))
    nothing = Point(jnp.zeros(1), jnp.zeros(0), jnp.zeros(2), None)
    wrong_sign = Point(jnp.zeros(1), jnp.zeros(0), jnp.array([1.0, 1.0]), None)
    balanced = Point(jnp.zeros(1), jnp.zeros(0), jnp.array([-1.0, -1.0]), None)
    for point in (nothing, wrong_sign, balanced):
        assert not float(infeasibility_defect(problem, point)) < 0.1
    for d in (-1.0, 1.0, 0.0):
        assert not float(unboundedness_defect(problem, Point(jnp.array([d]), *tuple_of(nothing)))) < 0.1


def tuple_of(point: Point) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    return point.y, point.z, point.w


def test_a_huge_optimum_is_not_called_unbounded() -> None:
    problem = program(-np.ones(3), bounds=(None, np.array([1e7, 2e8, 3e3])))
    solution = jax.jit(solve)(problem)
    assert int(solution.status) == Status.SOLVED
    np.testing.assert_allclose(solution.point.x, problem.bound_upper)

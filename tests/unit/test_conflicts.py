"""Irreducible conflicts, least relaxations and rays: SciPy's HiGHS is asked about every set that is reported."""

from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.sparse import csc_array

from karush.solvers import interior_point
from karush.solvers.conflicts.conditions import conditions_of
from karush.solvers.conflicts.irreducible import Conflict, _filtered, feasibility, irreducible
from karush.solvers.conflicts.rays import simple_ray, stopping
from karush.solvers.conflicts.relaxation import elastic_weights, least_moves, least_together
from karush.solvers.conflicts.vertices import basic
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.result import Status

NETLIB = Path(__file__).parents[3] / "shared" / "data" / "lp_infeasible"


def program(A=None, b=None, G=None, lower=None, upper=None, low=None, high=None, q=None, P=None):
    """A quadratic program; infinite sides are those that are not there."""
    n = next(M.shape[1] for M in (A, G) if M is not None)
    A, b = (np.zeros((0, n)), np.zeros(0)) if A is None else (A, b)
    G = np.zeros((0, n)) if G is None else G

    def side(value, size, nowhere):
        value = np.full(size, nowhere) if value is None else np.asarray(value, float)
        return jnp.asarray(np.where(np.isfinite(value), value, 0)), jnp.asarray(np.isfinite(value))

    m = len(G)
    lower, upper = side(lower, m, -np.inf), side(upper, m, np.inf)
    low, high = side(low, n, -np.inf), side(high, n, np.inf)
    return QuadraticProgram(
        None if P is None else jnp.asarray(P), jnp.zeros(n) if q is None else jnp.asarray(q), jnp.zeros(()),
        jnp.asarray(A), jnp.asarray(b), jnp.asarray(G), lower[0], upper[0], low[0], high[0],
        lower[1], upper[1], low[1], high[1],
    )  # fmt: skip


def is_feasible(conditions, members):
    """What HiGHS says of some conditions."""
    rows, sign, side = conditions.rows(members), conditions.sign[members], conditions.side[members]
    equal = conditions.is_equation[members]
    rows = sign[:, None] * rows
    found = linprog(
        np.zeros(conditions.variables), A_ub=-rows[~equal], b_ub=-(sign * side)[~equal], A_eq=rows[equal],
        b_eq=(sign * side)[equal], bounds=(None, None), method="highs",
    )  # fmt: skip
    assert found.status in (0, 2)
    return found.status == 0


def assert_irreducible(conditions, members):
    assert not is_feasible(conditions, members)
    assert all(is_feasible(conditions, np.delete(members, j)) for j in range(len(members)))


def conflict_of(problem, fixed=None):
    conditions = conditions_of(problem)
    solution = jax.jit(interior_point.solve)(feasibility(problem))
    assert int(solution.status) == Status.INFEASIBLE
    none = np.zeros(len(conditions.side), bool)
    return conditions, irreducible(
        conditions, conditions.weights(solution.certificate), none if fixed is None else fixed
    )


def planted(seed, rows=60, variables=12, size=5, equations=0):
    """Random rows with a common point, and ``size`` more that contradict each other: the last of them by a sum."""
    rng = np.random.default_rng(seed)
    point = rng.normal(size=variables)
    G = rng.normal(size=(rows, variables))
    slack = rng.uniform(0.5, 2, size=rows)
    lower = np.where(rng.random(rows) < 0.5, G @ point - slack, -np.inf)
    upper = np.where(np.isfinite(lower) & (rng.random(rows) < 0.7), np.inf, G @ point + slack)
    part = rng.normal(size=(size, variables))
    weights = rng.uniform(0.5, 2, size=size)
    part[-1] = -(weights[:-1] @ part[:-1]) / weights[-1]
    side = part @ point
    side += 1 / weights.sum()
    order = rng.permutation(rows + size - equations)
    G, part_rows = np.concatenate([G, part[equations:]]), part[:equations]
    lower = np.concatenate([lower, side[equations:]])
    upper = np.concatenate([upper, np.full(size - equations, np.inf)])
    A = part_rows if equations else None
    return program(
        A, side[:equations], G[order], lower[order], upper[order],
        low=point - rng.uniform(1, 3, variables), high=point + rng.uniform(1, 3, variables),
    )  # fmt: skip


@pytest.mark.parametrize(("seed", "equations"), [(0, 0), (1, 0), (2, 3), (3, 2)])
def test_random_rows_with_a_planted_conflict(seed, equations):
    conditions, found = conflict_of(planted(seed, equations=equations))
    assert found.is_irreducible
    assert_irreducible(conditions, found.members)


def test_sides_that_cross_are_a_conflict_of_two():
    G = np.array([[1.0, 1.0], [1.0, -1.0]])
    conditions, found = conflict_of(program(G=G, lower=[2.0, 0.0], upper=[1.0, 5.0], low=[0.0, 0.0]))
    assert sorted(conditions.row[found.members]) == [0, 0] and found.is_irreducible
    assert_irreducible(conditions, found.members)


def test_a_row_without_variables_is_a_conflict_of_one():
    conditions, found = conflict_of(program(G=np.array([[0.0, 0.0], [1.0, 2.0]]), lower=[1.0, 0.0]))
    assert list(conditions.row[found.members]) == [0] and found.is_irreducible


def test_redundant_copies_are_left_out():
    G = np.array([[1.0, 1.0]] * 6 + [[-1.0, -1.0]] * 6)
    conditions, found = conflict_of(program(G=G, lower=np.concatenate([np.full(6, 1.0), np.full(6, 0.0)])))
    assert len(found.members) == 2
    assert_irreducible(conditions, found.members)


def test_conditions_that_are_always_there_are_not_counted_but_used():
    # t >= |x| always; t <= 1; x >= 3; and t <= 0.5 with x >= 0.2 is no conflict
    G = np.array([[-1.0, 1.0], [1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    problem = program(G=G, lower=[0.0, 0.0, -np.inf, 3.0], upper=[np.inf, np.inf, 1.0, np.inf])
    fixed = np.isin(np.arange(4 * 2 + 4), [0, 1])
    _, found = conflict_of(problem, fixed)
    assert sorted(found.members) == [3, 4 + 2] and found.is_irreducible


def test_what_is_always_there_may_conflict_with_less_than_the_certificate_shows():
    # always: x >= 4, and y >= 5; then x <= 3 alone conflicts, although the certificate is about x + y <= 6
    G = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    problem = program(G=G, lower=[4.0, 5.0, -np.inf, -np.inf, 0.0], upper=[np.inf, np.inf, np.inf, 6.0, np.inf])
    conditions = conditions_of(problem)
    weights = np.zeros(len(conditions.side))
    weights[[0, 1, 5 + 3]] = 1 / 3
    found = irreducible(conditions, weights, np.arange(len(weights)) < 2)
    assert list(found.members) == [5 + 3] and found.is_irreducible


def test_a_certificate_that_cannot_be_made_basic_is_filtered_by_solving():
    """Members of which nothing is known: the deletion filter alone."""
    conditions = conditions_of(planted(5, rows=20, variables=5, size=3))
    everything = np.flatnonzero(conditions.present)
    unknown = Conflict(everything, np.ones(len(everything)), np.zeros(len(everything), bool))
    found = _filtered(conditions, unknown, np.zeros(len(conditions.side), bool), np.zeros(0, int))
    assert found.is_irreducible
    assert_irreducible(conditions, found.members)


def test_the_least_move_of_each_row_is_that_of_a_linear_program():
    problem = planted(7, rows=20, variables=6, size=4)
    conditions, found = conflict_of(problem)
    moves = np.zeros((len(found.members), len(conditions.side)))
    moves[np.arange(len(found.members)), found.members] = -conditions.sign[found.members]
    least, _ = least_moves(conditions, moves)
    for member, t in zip(found.members, least, strict=True):
        for factor, feasible in ((1 + 1e-4, True), (1 - 1e-4, False)):
            side = conditions.side.copy()
            side[member] -= conditions.sign[member] * t * factor
            assert is_feasible(replace(conditions, side=side), np.flatnonzero(conditions.present)) == feasible


def test_two_conflicts_need_two_rows_to_give_way():
    G = np.eye(2)
    problem = program(G=np.concatenate([G, G]), lower=[1.0, 1.0, -np.inf, -np.inf], upper=[np.inf, np.inf, 0.0, 0.5])
    conditions, found = conflict_of(problem)
    moves = np.zeros((len(found.members), len(conditions.side)))
    moves[np.arange(len(found.members)), found.members] = -conditions.sign[found.members]
    least, certificates = least_moves(conditions, moves)
    assert np.isinf(least).all()
    for member, weights in zip(found.members, certificates, strict=True):
        other = irreducible(conditions, weights, np.zeros(len(weights), bool))
        assert member not in other.members and other.is_irreducible
    elastic = least_together(conditions, found.members, conditions.present)
    assert elastic is not None and elastic.is_least
    # x0: 1 against 0 costs min(1/2, 1/1) per unit, x1: 1 against 0.5 costs 1/2: the lower sides give way
    np.testing.assert_allclose(elastic.amounts[:2], [-1.0, -0.5], atol=1e-6)
    np.testing.assert_allclose(elastic.amounts[2:], 0, atol=1e-6)


def test_the_elastic_program_gives_a_certificate_where_there_is_a_conflict():
    problem = planted(11, rows=20, variables=5, size=3, equations=1)
    conditions = conditions_of(problem)
    found = irreducible(conditions, elastic_weights(conditions), np.zeros(len(conditions.side), bool))
    assert found.is_irreducible
    assert_irreducible(conditions, found.members)


def test_a_basic_solution_has_independent_columns_and_the_same_product():
    rng = np.random.default_rng(3)
    M, y = rng.normal(size=(4, 30)), rng.uniform(0.1, 1, 30)
    found = basic(M, y, np.ones(30))
    support = found > 0
    assert (found >= 0).all() and np.linalg.matrix_rank(M[:, support]) == support.sum() <= 4
    np.testing.assert_allclose(M @ found, M @ y, atol=1e-9)
    assert found.sum() <= y.sum() + 1e-9


def test_a_ray_is_brought_to_few_variables_and_what_stops_it_is_known():
    # x0 − x1 == 0 grow together; x2 is free to fall by itself; x3 is bounded
    problem = program(
        A=np.array([[1.0, -1.0, 0.0, 0.0]]), b=np.zeros(1), G=np.zeros((0, 4)), q=np.array([-1.0, 0.0, 0.0, 1.0]),
        low=[0.0, 0.0, 0.0, 0.0],
    )  # fmt: skip
    conditions = conditions_of(problem)
    ray = simple_ray(conditions, problem, np.array([1.0, 1.0, 0.7, 0.3]))
    np.testing.assert_allclose(ray, [1.0, 1.0, 0.0, 0.0], atol=1e-9)
    assert list(stopping(conditions, problem, ray, np.array([0, 1]))) == [True, True]
    other = replace(problem, linear=jnp.asarray([-1.0, 0.0, -1.0, 1.0]))
    assert list(stopping(conditions, other, ray, np.array([0, 2]))) == [False, False]


@pytest.mark.skipif(not NETLIB.is_dir(), reason="the Netlib problems are not beside the repository")
@pytest.mark.parametrize("name", ["bgprtr", "galenet", "itest6", "ex73a"])
def test_netlib_s_infeasible_programs(name):
    with np.load(NETLIB / f"lpi_{name}.npz") as data:
        A = csc_array((data["A_data"], data["A_indices"], data["A_indptr"]), (int(data["m"]), int(data["n"]))).toarray()
        sides = [np.where(np.abs(data[key]) < 1e20, data[key], np.nan) for key in ("l", "u", "lb", "ub")]
    equal = sides[0] == sides[1]
    lower, upper = sides[0][~equal], sides[1][~equal]
    problem = program(A[equal], sides[0][equal], A[~equal], lower, upper, sides[2], sides[3])
    conditions, found = conflict_of(problem)
    assert found.is_irreducible
    assert_irreducible(conditions, found.members)

"""Derivatives of linear programs at edges, degenerate vertices, and where there is no solution; one batch for all.

A lane is min (c + p·dc)ᵀx over x ≥ 0 in R², G x ≥ l + p·dl, at p = 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from karush.solvers.direction import adjoint_evidence, kernel_cotangents, value_evidence
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import choose, facts_of, solve
from karush.solvers.result import Status

UNIQUE, CONSERVATIVE, UNDEFINED = DerivativeStatus
FAR = (1.0, 1.0, -10.0)


@dataclass(frozen=True)
class Lane:
    """Rows are (G_i0, G_i1, l_i); the truth: dx/dp (None where there is none), dV/dp, the verdicts."""

    name: str
    cost: tuple[float, float]
    rows: tuple[tuple[float, float, float], ...]
    cost_rate: tuple[float, float]
    side_rate: tuple[float, float]
    rate: tuple[float, float] | None
    value_rate: float | None
    verdicts: tuple[DerivativeStatus, DerivativeStatus, DerivativeStatus]
    status: Status = Status.SOLVED


COVER = (1.0, 1.0, 3.0)
NOTHING = (UNDEFINED,) * 3
TABLE = [
    Lane("edge-side", (2.0, 2.0), (COVER, FAR), (0.0, 0.0), (1.0, 0.0), None, 2.0, (UNDEFINED, UNIQUE, UNIQUE)),
    Lane("edge-cost", (2.0, 2.0), (COVER, FAR), (1.0, 1.0), (0.0, 0.0), (0.0, 0.0), 3.0, (UNDEFINED, UNIQUE, UNIQUE)),
    Lane("vertex", (1.0, 2.0), (COVER, FAR), (0.0, 0.0), (1.0, 0.0), (1.0, 0.0), 1.0, (UNIQUE,) * 3),
    Lane("vertex-cost", (1.0, 2.0), (COVER, FAR), (1.0, 5.0), (0.0, 0.0), (0.0, 0.0), 3.0, (UNIQUE,) * 3),
    Lane(
        "three-rows-at-a-vertex", (1.0, 2.0), (COVER, (2.0, 1.0, 6.0)), (1.0, 0.0), (0.0, 0.0), (0.0, 0.0), 3.0,
        (CONSERVATIVE, UNDEFINED, CONSERVATIVE),
    ),
    Lane("unbounded", (-1.0, 1.0), (COVER, FAR), (1.0, 0.0), (0.0, 0.0), None, None, NOTHING, Status.UNBOUNDED),
    Lane(
        "infeasible", (1.0, 1.0), (COVER, (-1.0, -1.0, -2.0)), (1.0, 0.0), (0.0, 0.0), None, None, NOTHING,
        Status.INFEASIBLE,
    ),
]  # fmt: skip
NAMES = [lane.name for lane in TABLE]


def problem_of(lane: Lane, p: jax.Array) -> QuadraticProgram:
    rows = jnp.asarray(lane.rows)
    return QuadraticProgram(
        quadratic=None,
        linear=jnp.asarray(lane.cost) + p * jnp.asarray(lane.cost_rate),
        constant=jnp.zeros(()),
        equality_matrix=jnp.zeros((0, 2)),
        equality_rhs=jnp.zeros(0),
        inequality_matrix=rows[:, :2],
        lower=rows[:, 2] + p * jnp.asarray(lane.side_rate),
        upper=None,
        bound_lower=jnp.zeros(2),
        bound_upper=None,
    )


def stacked(p: jax.Array) -> QuadraticProgram:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *(problem_of(a, p[i]) for i, a in enumerate(TABLE)))


CHOICE = choose(facts_of(problem_of(TABLE[0], jnp.zeros(()))))


def batch(p):
    return jax.vmap(lambda data: solve(data, Settings(), CHOICE))(stacked(p))


def outputs(p):
    found = batch(p)
    return found.point.x, found.objective, jnp.sum(found.point.x, axis=1)


def evidence_of(data):
    """Evidence of pulling back x_0, x_0 + x_1 and the value, and what the kernel sees of the data."""
    found = solve(data, Settings(), CHOICE)
    zero = jax.tree.map(jnp.zeros_like, found.point)
    one = adjoint_evidence(data, found, Point(zero.x.at[0].set(1.0), zero.y, zero.z, zero.w))
    total = adjoint_evidence(data, found, Point(jnp.ones(2), zero.y, zero.z, zero.w))
    return (
        one,
        total,
        value_evidence(data, found),
        jax.tree.map(lambda *k: jnp.stack(k), *kernel_cotangents(data, found)),
    )


@pytest.fixture(scope="module")
def answers():
    ps = jnp.zeros(len(TABLE))

    def everything(p):
        return batch(p), jax.jacrev(outputs)(p), jax.jacfwd(outputs)(p), jax.vmap(evidence_of)(stacked(p))

    return jax.tree.map(np.asarray, jax.jit(everything)(ps))


@pytest.mark.parametrize("number", range(len(TABLE)), ids=NAMES)
def test_verdicts_and_rates(answers, number):
    lane, (found, rows, columns, _) = TABLE[number], answers
    evidence = found.evidence
    assert found.status[number] == lane.status
    assert (evidence.primal[number], evidence.dual[number], evidence.objective[number]) == lane.verdicts
    for x, value, _ in (rows, columns):
        if lane.value_rate is None:
            assert np.isnan(value[number, number]) and np.all(np.isnan(x[number, :, number]))
        else:
            assert np.isclose(value[number, number], lane.value_rate, atol=1e-8)
    if lane.rate is not None and lane.verdicts[0] != UNDEFINED:
        assert np.allclose(rows[0][number, :, number], lane.rate, atol=1e-8)
        assert np.allclose(columns[0][number, :, number], lane.rate, atol=1e-8)


def test_on_an_edge_x_has_no_derivative_but_its_sum_has_one(answers):
    edge = NAMES.index("edge-side")
    _, rows, columns, (one, total, value, _) = answers
    assert np.all(np.isnan(rows[0][edge, :, edge])) and np.all(np.isnan(columns[0][edge, :, edge]))
    assert np.isclose(rows[2][edge, edge], 1.0, atol=1e-8)
    assert one.status[edge] == UNDEFINED and one.residual[edge] > 0.1
    assert total.status[edge] == UNIQUE and total.residual[edge] < 1e-10 and total.error_bound[edge] < 1e-6
    assert value.status[edge] == UNIQUE


def test_the_kernel_of_an_edge_sees_the_costs_and_no_side(answers):
    edge, vertex = NAMES.index("edge-side"), NAMES.index("vertex")
    seen = answers[3][3]
    assert np.all(np.abs(seen.linear[edge]).max(axis=-1) > 0.5)
    assert np.abs(seen.linear[edge].sum(axis=-1)).max() < 1e-6
    assert np.abs(seen.lower[edge]).max() < 1e-6
    assert not np.any(seen.linear[vertex])


def test_at_a_degenerate_vertex_the_kernel_sees_the_sides(answers):
    corner = NAMES.index("three-rows-at-a-vertex")
    seen = answers[3][3]
    assert np.abs(seen.lower[corner]).max() > 1e-3
    assert np.abs(seen.linear[corner]).max() < 1e-6


def test_no_lane_knows_of_another(answers):
    others = ~np.eye(len(TABLE), dtype=bool)
    for x, value, _ in answers[1:3]:
        assert not np.any(value[others])
        assert not np.any(np.moveaxis(x, 1, 2)[others])

"""Families of random linear and quadratic programs whose outcome is known from how they are made.

Every builder takes a generator of random numbers and a number of lanes and gives a `Batch`; the leading axis of all
arrays is the lane. Besides the draws "2019" all have 24 variables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

Generator = np.random.Generator
SIZE = 24


@dataclass(frozen=True)
class Batch:
    """minimize ½ x'Px + q'x  subject to  Ax = b,  lower ≤ Gx ≤ upper,  bound_lower ≤ x ≤ bound_upper.

    ``P`` is None in a linear program. An infinite side is none.
    """

    P: np.ndarray | None
    q: np.ndarray
    A: np.ndarray
    b: np.ndarray
    G: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    bound_lower: np.ndarray
    bound_upper: np.ndarray


@dataclass(frozen=True)
class Family:
    """``outcome`` is the status that every lane must end with; ``definite``: the solver is told that P is.

    ``share`` lanes are drawn for each one that is asked for, ``chunk`` of them are solved at once.
    """

    name: str
    build: Callable[[Generator, int], Batch]
    outcome: str = "solved"
    definite: bool | None = None
    share: float = 1.0
    chunk: int = 100


def batch(q: np.ndarray, **parts: np.ndarray | None) -> Batch:
    """A batch in which what is not given is absent."""
    lanes, n = q.shape
    G = parts.get("G")
    rows = (lanes, 0 if G is None else G.shape[1])
    absent = {
        "P": None,
        "A": np.zeros((lanes, 0, n)),
        "b": np.zeros((lanes, 0)),
        "G": np.zeros((lanes, 0, n)),
        "lower": np.full(rows, -np.inf),
        "upper": np.full(rows, np.inf),
        "bound_lower": np.full((lanes, n), -np.inf),
        "bound_upper": np.full((lanes, n), np.inf),
    }
    return Batch(**{**absent, "q": q, **parts})


def times(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Lane by lane, matrix times vector."""
    return np.einsum("bij,bj->bi", matrix, vector)


def transposed(matrix: np.ndarray, vector: np.ndarray) -> np.ndarray:
    """Lane by lane, the transpose of the matrix times the vector."""
    return np.einsum("bij,bi->bj", matrix, vector)


def definite(rng: Generator, lanes: int, n: int = SIZE) -> np.ndarray:
    """The quadratic terms of the draws "2019"."""
    L = rng.uniform(size=(lanes, n, n))
    return L @ L.transpose(0, 2, 1) + 1e-3 * np.eye(n)


def singular(rng: Generator, lanes: int, rank: int = SIZE // 2) -> np.ndarray:
    """Positive semidefinite and of this rank."""
    L = rng.normal(size=(lanes, SIZE, rank))
    return L @ L.transpose(0, 2, 1)


def draws_2019(n: int, m: int) -> Callable[[Generator, int], Batch]:
    """P = LL' + 1e-3 I with L ~ U[0, 1], G ~ N(0, 1), h = G x0 + s with x0 ~ N(0, 1), s ~ U[0, 1]."""

    def build(rng: Generator, lanes: int) -> Batch:
        P, G = definite(rng, lanes, n), rng.normal(size=(lanes, m, n))
        upper = times(G, rng.normal(size=(lanes, n))) + rng.uniform(size=(lanes, m))
        return batch(rng.normal(size=(lanes, n)), P=P, G=G, upper=upper)

    return build


def duplicated_rows(rng: Generator, lanes: int) -> Batch:
    """Every row three times."""
    base = draws_2019(SIZE, SIZE)(rng, lanes)
    three = (np.concatenate([part] * 3, axis=1) for part in (base.G, base.lower, base.upper))
    return replace(base, **dict(zip(("G", "lower", "upper"), three, strict=True)))


def redundant_equalities(rng: Generator, lanes: int) -> Batch:
    """Eight equations and eight combinations of them."""
    base = draws_2019(SIZE, SIZE)(rng, lanes)
    A, x = rng.normal(size=(lanes, 8, SIZE)), rng.normal(size=(lanes, SIZE))
    A = np.concatenate([A, rng.normal(size=(lanes, 8, 8)) @ A], axis=1)
    upper = times(base.G, x) + rng.uniform(size=(lanes, SIZE))
    return replace(base, A=A, b=times(A, x), upper=upper)


def _around(rng: Generator, lanes: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A matrix of rows, a point, and the values of the rows there."""
    G, x = rng.normal(size=(lanes, m, SIZE)), rng.normal(size=(lanes, SIZE))
    return G, x, times(G, x)


def weakly_active(rng: Generator, lanes: int) -> Batch:
    """Of 48 rows six hold at the solution with a positive multiplier and six with multiplier zero."""
    (G, x, value), P, i = _around(rng, lanes, 48), definite(rng, lanes), np.arange(48)
    multiplier = rng.uniform(0.1, 1, size=value.shape) * (i < 6)
    upper = value + rng.uniform(size=value.shape) * (i >= 12)
    return batch(-times(P, x) - transposed(G, multiplier), P=P, G=G, upper=upper)


def rows_through_a_point(rng: Generator, lanes: int) -> Batch:
    """72 rows hold at the solution; a third of them with a multiplier."""
    (G, x, value), P = _around(rng, lanes, 72), definite(rng, lanes)
    multiplier = rng.uniform(size=value.shape) * (np.arange(72) < SIZE)
    return batch(-times(P, x) - transposed(G, multiplier), P=P, G=G, upper=value)


def boxes(rng: Generator, lanes: int) -> Batch:
    """Bounds on both sides of every variable, and nothing else."""
    x = rng.normal(size=(lanes, SIZE))
    low, up = x - rng.uniform(size=x.shape), x + rng.uniform(size=x.shape)
    return batch(rng.normal(size=x.shape), P=definite(rng, lanes), bound_lower=low, bound_upper=up)


def mixed(rng: Generator, lanes: int) -> Batch:
    """Equations, rows with two sides, one or none, bounds on some variables, fixed variables."""
    (G, x, value), A = _around(rng, lanes, 48), rng.normal(size=(lanes, 6, SIZE))
    low = np.where(rng.random(value.shape) < 0.6, value - rng.uniform(size=value.shape), -np.inf)
    up = np.where(rng.random(value.shape) < 0.6, value + rng.uniform(size=value.shape), np.inf)
    bound_low = np.where(rng.random(x.shape) < 0.5, x - rng.uniform(size=x.shape), -np.inf)
    bound_up = np.where(rng.random(x.shape) < 0.5, x + rng.uniform(size=x.shape), np.inf)
    bound_low[:, :2] = bound_up[:, :2] = x[:, :2]
    sides = {"lower": low, "upper": up, "bound_lower": bound_low, "bound_upper": bound_up}
    return batch(rng.normal(size=x.shape), P=definite(rng, lanes), A=A, b=times(A, x), G=G, **sides)


def badly_scaled(rng: Generator, lanes: int) -> Batch:
    """Rows and variables in units between 1e-3 and 1e3."""
    base = draws_2019(SIZE, 48)(rng, lanes)
    row, column = 10 ** rng.uniform(-3, 3, size=base.upper.shape), 10 ** rng.uniform(-3, 3, size=base.q.shape)
    P = column[:, :, None] * base.P * column[:, None, :]
    G = row[:, :, None] * base.G * column[:, None, :]
    return replace(base, P=P, q=base.q * column, G=G, upper=base.upper * row)


def singular_quadratic(rng: Generator, lanes: int) -> Batch:
    """P of half rank, the solution held by rows and multipliers."""
    (G, x, value), P = _around(rng, lanes, 48), singular(rng, lanes)
    multiplier = rng.uniform(size=value.shape) * (rng.random(value.shape) < 0.3)
    upper = value + rng.uniform(size=value.shape) * (multiplier == 0)
    return batch(-times(P, x) - transposed(G, multiplier), P=P, G=G, upper=upper)


def linear(rng: Generator, lanes: int) -> Batch:
    """A bounded linear program: its objective is a nonnegative combination of its rows."""
    G, _, value = _around(rng, lanes, 72)
    return batch(-transposed(G, rng.uniform(size=value.shape)), G=G, upper=value + rng.uniform(size=value.shape))


def degenerate_linear(rng: Generator, lanes: int) -> Batch:
    """Twice as many rows through the solution as variables."""
    G, _, value = _around(rng, lanes, 72)
    through = np.arange(72) < 2 * SIZE
    upper = value + ~through * rng.uniform(size=value.shape)
    return batch(-transposed(G, through * rng.uniform(size=value.shape)), G=G, upper=upper)


def flat_linear(rng: Generator, lanes: int) -> Batch:
    """A whole face of solutions, in a box, with equations."""
    (G, x, value), A = _around(rng, lanes, 48), rng.normal(size=(lanes, 4, SIZE))
    few = np.arange(48) < 4
    upper = value + ~few * rng.uniform(size=value.shape)
    cost = -transposed(G, few * rng.uniform(size=value.shape))
    return batch(cost, A=A, b=times(A, x), G=G, upper=upper, bound_lower=x - 5, bound_upper=x + 5)


def _contradicting(rng: Generator, lanes: int) -> dict[str, np.ndarray]:
    """48 rows and one more that excludes a positive combination of eight of them by 0.1."""
    G, _, value = _around(rng, lanes, 48)
    upper = value + rng.uniform(size=value.shape)
    weights = rng.uniform(0.1, 1, size=(lanes, 48)) * (np.arange(48) < 8)
    last = -transposed(G, weights)[:, None, :]
    side = -np.sum(weights * upper, axis=1, keepdims=True) - 0.1
    return {"G": np.concatenate([G, last], axis=1), "upper": np.concatenate([upper, side], axis=1)}


def infeasible_quadratic(rng: Generator, lanes: int) -> Batch:
    """No point satisfies the rows."""
    return batch(rng.normal(size=(lanes, SIZE)), P=definite(rng, lanes), **_contradicting(rng, lanes))


def infeasible_linear(rng: Generator, lanes: int) -> Batch:
    """No point satisfies the rows, and the objective is bounded by bounds."""
    limits = {"bound_lower": np.full((lanes, SIZE), -10.0), "bound_upper": np.full((lanes, SIZE), 10.0)}
    return batch(rng.normal(size=(lanes, SIZE)), **_contradicting(rng, lanes), **limits)


def contradicting_equations(rng: Generator, lanes: int) -> Batch:
    """The last equation is a combination of the others with another right side."""
    A, x = rng.normal(size=(lanes, 6, SIZE)), rng.normal(size=(lanes, SIZE))
    A = np.concatenate([A, rng.normal(size=(lanes, 1, 6)) @ A], axis=1)
    return batch(rng.normal(size=x.shape), P=definite(rng, lanes), A=A, b=times(A, x) + 0.1 * (np.arange(7) == 6))


def _with_ray(rng: Generator, lanes: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows that are satisfied around a point and all along a direction d: (G, upper, d, a linear term that falls)."""
    G, _, value = _around(rng, lanes, 48)
    d = rng.normal(size=(lanes, SIZE))
    G = G * -np.where(times(G, d) > 0, 1.0, -1.0)[:, :, None]
    q = rng.normal(size=d.shape)
    excess = np.sum(q * d, axis=1) + rng.uniform(0.1, 1, size=lanes)
    q = q - (excess / np.sum(d * d, axis=1))[:, None] * d
    return G, np.abs(value) + rng.uniform(size=value.shape), d, q


def unbounded_linear(rng: Generator, lanes: int) -> Batch:
    """The objective falls for ever along a direction that no row blocks."""
    G, upper, _, q = _with_ray(rng, lanes)
    return batch(q, G=G, upper=upper)


def unbounded_quadratic(rng: Generator, lanes: int) -> Batch:
    """The same with P singular in that direction."""
    G, upper, d, q = _with_ray(rng, lanes)
    unit = d / np.linalg.norm(d, axis=1, keepdims=True)
    across = np.eye(SIZE) - unit[:, :, None] * unit[:, None, :]
    return batch(q, P=across @ definite(rng, lanes) @ across, G=G, upper=upper)


def unbounded_in_half(rng: Generator, lanes: int) -> Batch:
    """Half of the variables have curvature of their own; the others, in three equations, have none and few bounds."""
    x, half = rng.normal(size=(lanes, SIZE)), np.arange(SIZE) < SIZE // 2
    P = definite(rng, lanes) * (half[:, None] & half)
    A = rng.normal(size=(lanes, 3, SIZE)) * ~half
    d = rng.normal(size=x.shape) * ~half
    d = d - transposed(A, np.linalg.solve(A @ A.transpose(0, 2, 1), times(A, d)[:, :, None])[:, :, 0])
    q = rng.normal(size=x.shape)
    q = q * np.where(half, 1, -np.sign(np.sum(q * d, axis=1, keepdims=True)))
    low = np.where((d > 0) & (rng.random(d.shape) < 0.5), x - rng.uniform(size=x.shape), -np.inf)
    return batch(q, P=P, A=A, b=times(A, x), bound_lower=low)


FAMILIES = (
    Family('draws "2019", n = m = 100', draws_2019(100, 100), definite=True, share=2.5, chunk=50),
    Family('draws "2019", n = m = 256', draws_2019(256, 256), definite=True, share=0.5, chunk=20),
    Family("m = 3n", draws_2019(SIZE, 3 * SIZE), definite=True),
    Family("m = 5n", draws_2019(SIZE, 5 * SIZE), definite=True),
    Family("duplicated rows", duplicated_rows, definite=True),
    Family("redundant equalities", redundant_equalities, definite=True),
    Family("weakly active rows", weakly_active, definite=True),
    Family("many rows through a point", rows_through_a_point, definite=True),
    Family("boxes", boxes, definite=True),
    Family("mixed rows and bounds", mixed, definite=True),
    Family("badly scaled", badly_scaled, definite=True),
    Family("singular quadratic term", singular_quadratic),
    Family("linear programs", linear),
    Family("degenerate linear programs", degenerate_linear),
    Family("linear programs with many solutions", flat_linear),
    Family("infeasible", infeasible_quadratic, "infeasible", definite=True),
    Family("contradicting equations", contradicting_equations, "infeasible", definite=True),
    Family("infeasible linear programs", infeasible_linear, "infeasible"),
    Family("unbounded", unbounded_quadratic, "unbounded"),
    Family("unbounded in half of the variables", unbounded_in_half, "unbounded"),
    Family("unbounded linear programs", unbounded_linear, "unbounded"),
)

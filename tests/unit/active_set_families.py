"""Batches of small quadratic programs in one shape, solvable and infeasible, degenerate ones among them."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers.forms.quadratic import QuadraticProgram

N, EQUALITIES, ROWS, LANES = 8, 6, 24, 40
INFINITY = np.inf


def problem(
    rng: np.random.Generator,
    A: np.ndarray | None = None,
    b: np.ndarray | None = None,
    G: np.ndarray | None = None,
    lower: np.ndarray | None = None,
    upper: np.ndarray | None = None,
    bound: tuple[np.ndarray, np.ndarray] | None = None,
    q: np.ndarray | None = None,
    P: np.ndarray | None = None,
) -> QuadraticProgram:
    """A batch in one shape whatever the parts: missing rows are rows of zeros and free, so one program serves all."""

    def padded(rows: np.ndarray | None, shape: tuple[int, ...], fill: float = 0.0) -> np.ndarray:
        full = np.full((LANES, *shape), fill)
        if rows is not None:
            full[:, : rows.shape[1]] = rows
        return full

    low, up = padded(lower, (ROWS,), -INFINITY), padded(upper, (ROWS,), INFINITY)
    none = np.full((LANES, N), INFINITY)
    bound_low, bound_up = (-none, none) if bound is None else bound
    P = definite(rng) if P is None else P
    q = rng.normal(size=(LANES, N)) if q is None else q

    def finite(side: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(side), side, 0)

    return jax.tree.map(
        jnp.asarray,
        QuadraticProgram(
            P,
            q,
            np.zeros(LANES),
            padded(A, (EQUALITIES, N)),
            padded(b, (EQUALITIES,)),
            padded(G, (ROWS, N)),
            finite(low),
            finite(up),
            finite(bound_low),
            finite(bound_up),
            np.isfinite(low),
            np.isfinite(up),
            np.isfinite(bound_low),
            np.isfinite(bound_up),
        ),
    )


def definite(rng: np.random.Generator) -> np.ndarray:
    L = rng.uniform(size=(LANES, N, N))
    return L @ L.transpose(0, 2, 1) + 1e-3 * np.eye(N)


def times(G: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.einsum("bij,bj->bi", G, x)


def inner(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows, their upper sides and a point strictly inside."""
    G, x = rng.normal(size=(LANES, rows, N)), rng.normal(size=(LANES, N))
    return G, times(G, x) + rng.uniform(size=(LANES, rows)), x


# families of solvable problems


def rows_as_many_as_variables(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    return problem(rng, G=G, upper=h)


def three_rows_a_variable(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, 3 * N)
    return problem(rng, G=G, upper=h)


def duplicated_rows(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    return problem(rng, G=np.concatenate([G, G, 1e3 * G], 1), upper=np.concatenate([h, h, 1e3 * h], 1))


def nearly_duplicated_rows(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    close = G + 1e-7 * rng.normal(size=G.shape)
    return problem(rng, G=np.concatenate([G, close], 1), upper=np.concatenate([h, h + 1e-7], 1))


def redundant_equalities(rng: np.random.Generator) -> QuadraticProgram:
    G, h, x = inner(rng, N)
    A = rng.normal(size=(LANES, 3, N))
    A = np.concatenate([A, rng.normal(size=(LANES, 3, 3)) @ A], 1)
    return problem(rng, A=A, b=times(A, x), G=G, upper=h)


def weakly_active_rows(rng: np.random.Generator) -> QuadraticProgram:
    """Three rows press, three more hold with a zero multiplier, at a solution that is known."""
    P, G, x = definite(rng), rng.normal(size=(LANES, N, N)), rng.normal(size=(LANES, N))
    pull = rng.uniform(size=(LANES, N)) * (np.arange(N) < 3)
    slack = rng.uniform(size=(LANES, N)) * (np.arange(N) >= 6)
    q = -times(P, x) - np.einsum("bij,bi->bj", G, pull)
    return problem(rng, P=P, q=q, G=G, upper=times(G, x) + slack)


def rows_through_one_point(rng: np.random.Generator) -> QuadraticProgram:
    G, _, x = inner(rng, 3 * N)
    return problem(rng, G=G, upper=times(G, x))


def whole_rows_through_one_point(rng: np.random.Generator) -> QuadraticProgram:
    G = rng.integers(-1, 2, size=(LANES, 3 * N, N)).astype(float)
    return problem(rng, G=G, upper=times(G, rng.integers(-2, 3, size=(LANES, N)).astype(float)))


def boxes(rng: np.random.Generator) -> QuadraticProgram:
    return problem(rng, bound=(-rng.uniform(size=(LANES, N)), rng.uniform(size=(LANES, N))))


def boxes_and_rows(rng: np.random.Generator) -> QuadraticProgram:
    G, h, x = inner(rng, N)
    low = np.where(rng.uniform(size=x.shape) < 0.3, -INFINITY, x - rng.uniform(size=x.shape))
    return problem(rng, G=G, upper=h, bound=(low, x + rng.uniform(size=x.shape)))


def ranges_and_fixed_rows(rng: np.random.Generator) -> QuadraticProgram:
    G, h, x = inner(rng, N)
    value = times(G, x)
    fixed, free = np.arange(N) % 4 == 0, np.arange(N) % 4 == 1
    lower = np.where(fixed, value, np.where(free, -INFINITY, value - rng.uniform(size=value.shape)))
    return problem(rng, G=G, lower=lower, upper=np.where(fixed, value, np.where(free, INFINITY, h)))


def badly_scaled(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    D, q = np.diag(np.logspace(-4, 4, N)), rng.normal(size=(LANES, N))
    return problem(rng, P=D @ definite(rng) @ D, q=q @ D, G=G @ D, upper=h)


SOLVABLE: list[Callable[[np.random.Generator], QuadraticProgram]] = [
    rows_as_many_as_variables,
    three_rows_a_variable,
    duplicated_rows,
    nearly_duplicated_rows,
    redundant_equalities,
    weakly_active_rows,
    rows_through_one_point,
    whole_rows_through_one_point,
    boxes,
    boxes_and_rows,
    ranges_and_fixed_rows,
    badly_scaled,
]


# families of infeasible problems


def opposite_rows(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    return problem(rng, G=np.concatenate([G, -G[:, :1]], 1), upper=np.concatenate([h, -h[:, :1] - 1e-3], 1))


def contradicting_combination(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, N)
    c = rng.uniform(size=(LANES, 1, N))
    last = -np.einsum("boi,bi->bo", c, h) - 0.1
    return problem(rng, G=np.concatenate([G, -c @ G], 1), upper=np.concatenate([h, last], 1))


def contradicting_equalities(rng: np.random.Generator) -> QuadraticProgram:
    A, x = rng.normal(size=(LANES, 3, N)), rng.normal(size=(LANES, N))
    A = np.concatenate([A, rng.normal(size=(LANES, 1, 3)) @ A], 1)
    return problem(rng, A=A, b=times(A, x) + np.array([0, 0, 0, 0.1]))


def rows_without_a_point(rng: np.random.Generator) -> QuadraticProgram:
    """Around every direction some row forbids it: c > 0 with Gᵀc = 0 and hᵀc < 0."""
    G = rng.normal(size=(LANES, 2 * N, N))
    G = np.concatenate([G, -G.sum(1, keepdims=True)], 1)
    return problem(rng, G=G, upper=-rng.uniform(0.1, 1, size=G.shape[:2]))


def row_outside_the_box(rng: np.random.Generator) -> QuadraticProgram:
    ones = np.ones((LANES, 1, N))
    return problem(rng, G=ones, upper=np.full((LANES, 1), -1.5), bound=(-ones[:, 0] / N, ones[:, 0]))


def crossing_sides(rng: np.random.Generator) -> QuadraticProgram:
    G, h, _ = inner(rng, 1)
    return problem(rng, G=G, upper=h, lower=h + 0.01)


INFEASIBLE: list[Callable[[np.random.Generator], QuadraticProgram]] = [
    opposite_rows,
    contradicting_combination,
    contradicting_equalities,
    rows_without_a_point,
    row_outside_the_box,
]

"""Time the projection on the simplex as a layer, forward and backward, from 100 to 100 000 entries.

usage: python -m benchmarks.simplex_projection [--rounds 7] [--sizes 100x1,...] [--peers karush,...] [--write FILE]

Sizes are entries x batch. The gradient is that of Σ cos(i) x_i (of Σ x_i, which is always 1, it is zero) in the point
that is projected; x and gradient are compared with the closed form by sorting. All systems solve the same draws in one
process, in turn, after a warm-up; medians. A peer that needs minutes at a size, or a dense matrix that does not fit, is
left out there: `MOST` says from where on.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import karush
from benchmarks.layers import Pair, jax_layer, machine, measured, table

MODEL = """
dim n
param p[n]
var x[n] in simplex
minimize sumsq(x - p) / 2
"""


def weights(n: int) -> np.ndarray:
    """The loss is their product with x."""
    return np.cos(np.arange(n))


def closed_form(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(weights · x, gradient) by sorting: x = max(p − τ, 0), and the derivative on the support S is I − 11ᵀ/|S|."""
    n = points.shape[1]
    ordered = np.sort(points, axis=1)[:, ::-1]
    levels = (np.cumsum(ordered, axis=1) - 1) / np.arange(1, n + 1)
    last = np.sum(ordered > levels, axis=1) - 1
    x = np.maximum(points - levels[np.arange(len(points)), last][:, None], 0)
    support = x > 0
    mean = np.sum(weights(n) * support, axis=1) / np.sum(support, axis=1)
    return weights(n) * x, support * (weights(n) - mean[:, None])


# ---------------------------------------------------------------- systems


def karush_layer(points: np.ndarray) -> Pair:
    """The .opt file above, as a user embeds it."""
    model, weight = karush.loads(MODEL), jnp.asarray(weights(points.shape[1]))
    return jax_layer(lambda p: weight * model(p=p).x, (points,), 0)


def sorting(points: np.ndarray) -> Pair:
    """The closed form in JAX by hand, differentiated by JAX: what is special to the simplex and no solver at all."""
    weight = jnp.asarray(weights(points.shape[1]))

    def project(p: jax.Array) -> jax.Array:
        ordered = -jnp.sort(-p)
        levels = (jnp.cumsum(ordered) - 1) / jnp.arange(1, p.shape[0] + 1)
        return weight * jnp.maximum(p - levels[jnp.sum(ordered > levels) - 1], 0)

    return jax_layer(project, (points,), 0)


def qpax_layer(points: np.ndarray) -> Pair:
    """qpax at its most exact setting."""
    import qpax

    n = points.shape[1]
    P, A, b, G, h = jnp.eye(n), jnp.ones((1, n)), jnp.ones(1), -jnp.eye(n), jnp.zeros(n)
    weight = jnp.asarray(weights(n))
    return jax_layer(lambda p: weight * qpax.solve_qp_primal(P, -p, A, b, G, h, target_kappa=1e-6), (points,), 0)


def moreau_compiled(points: np.ndarray) -> Pair:
    """moreau's compiled batch interface on the sparse problem."""
    import moreau

    batch, n = points.shape
    settings = moreau.Settings(batch_size=batch, enable_grad=True, device="cpu")
    solver = moreau.CompiledSolver(
        n=n,
        m=n + 1,
        P_row_offsets=np.arange(n + 1),
        P_col_indices=np.arange(n),
        A_row_offsets=np.concatenate([[0], n + np.arange(n + 1)]),
        A_col_indices=np.concatenate([np.arange(n), np.arange(n)]),
        cones=moreau.Cones(num_zero_cones=1, num_nonneg_cones=n),
        settings=settings,
    )
    P, A = np.ones((batch, n)), np.tile(np.concatenate([np.ones(n), -np.ones(n)]), (batch, 1))
    b = np.tile(np.concatenate([[1.0], np.zeros(n)]), (batch, 1))
    slope = np.tile(weights(n), (batch, 1))

    def forward() -> tuple[np.ndarray, np.ndarray]:
        solver.setup(P, A)
        return weights(n) * np.asarray(solver.solve(-points, b).x), np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, _ = forward()
        return x, -np.asarray(solver.backward(slope)["dq"])

    return forward, both


def cvxpylayers_layer(**options: str) -> Callable[[np.ndarray], Pair]:
    """cvxpylayers' JAX interface with options of its solver."""

    def build(points: np.ndarray) -> Pair:
        import cvxpy
        from cvxpylayers.jax import CvxpyLayer

        n = points.shape[1]
        x, p = cvxpy.Variable(n), cvxpy.Parameter(n)
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(x - p) / 2), [cvxpy.sum(x) == 1, x >= 0])
        layer = CvxpyLayer(problem, parameters=[p], variables=[x])
        values, slope = jnp.asarray(points), jnp.tile(weights(n), (len(points), 1))

        def forward() -> tuple[np.ndarray, np.ndarray]:
            return weights(n) * np.asarray(layer(values, solver_args=options)[0]), np.zeros(0)

        def both() -> tuple[np.ndarray, np.ndarray]:
            found, pull = jax.vjp(lambda p: layer(p, solver_args=options)[0], values)
            return weights(n) * np.asarray(found), np.asarray(pull(slope)[0])

        return forward, both

    return build


HEAD = "n × batch"
SIZES = "100x1,1000x1,10000x1,100000x1,100x128"
PEERS: Mapping[str, Callable[[np.ndarray], Pair]] = {
    "karush": karush_layer,
    "by hand (sorting)": sorting,
    "moreau (compiled)": moreau_compiled,
    "cvxpylayers": cvxpylayers_layer(),
    "cvxpylayers (Clarabel)": cvxpylayers_layer(solve_method="Clarabel"),
    "qpax 1e-6": qpax_layer,
}
MOST = {"moreau (compiled)": 20_000, "cvxpylayers": 20_000, "cvxpylayers (Clarabel)": 20_000, "qpax 1e-6": 1000}
"""Entries times batch up to which a peer is measured."""


def measure(n: int, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system."""
    points = np.random.default_rng(0).normal(size=(batch, n))
    runs = {name: PEERS[name](points) for name in names if n * batch <= MOST.get(name, n * batch)}
    return measured(runs, rounds, f"{n} × {batch}", lambda _: closed_form(points))


def main() -> None:
    """Measure every size and print (and write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default=SIZES)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict] = []
    for size in options.sizes.split(","):
        n, batch = map(int, size.split("x"))
        rows += measure(n, batch, options.rounds, options.peers.split(","))
        print(table(rows, HEAD), flush=True)
    if options.write:
        options.write.write_text(
            "# Projection on the simplex\n\n"
            f"Made by `python -m benchmarks.simplex_projection --rounds {options.rounds} --write {options.write}` on "
            f"{machine()}. Ratios mean something, single times do not. The projection by hand is no solver: it is the "
            f"closed form, by sorting, and serves as the floor.\n\n{table(rows, HEAD)}\n"
        )


if __name__ == "__main__":
    main()

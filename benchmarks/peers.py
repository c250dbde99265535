"""One small adapter a peer: data in, (solution, gradient of its sum in q) out, all data differentiated."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

import karush
from benchmarks.layers import Pair, jax_layer
from benchmarks.reference import Draws

MODEL = """
dim n, m
param P[n, n] in pd, q[n], G[m, n], h[m]
var x[n]
minimize quad(x, P) / 2 + q @ x
subject to
  rows: G @ x <= h
"""


def _layer(solve: Callable[..., jax.Array], draws: Draws) -> Pair:
    """A JAX layer over the draws; of the gradient in all data that in q."""
    return jax_layer(solve, (draws.P, draws.q, draws.G, draws.h), 1)


def karush_layer(draws: Draws) -> Pair:
    """The .opt file above, as a user embeds it."""
    model = karush.loads(MODEL)
    return _layer(lambda P, q, G, h: model(P=P, q=q, G=G, h=h).x, draws)


def qpax_layer(kappa: float) -> Callable[[Draws], Pair]:
    """qpax with its relaxation parameter: 1e-3 is its default, 1e-6 its most exact."""

    def build(draws: Draws) -> Pair:
        import qpax

        n = draws.q.shape[1]
        A, b = jnp.zeros((0, n)), jnp.zeros(0)
        return _layer(lambda P, q, G, h: qpax.solve_qp_primal(P, q, A, b, G, h, target_kappa=kappa), draws)

    return build


def _rows(draws: Draws) -> dict:
    """The structure of a dense problem in compressed rows, as moreau takes it."""
    import moreau

    n, m = draws.q.shape[1], draws.h.shape[1]
    return {
        "n": n,
        "m": m,
        "P_row_offsets": np.arange(n + 1) * n,
        "P_col_indices": np.tile(np.arange(n), n),
        "A_row_offsets": np.arange(m + 1) * n,
        "A_col_indices": np.tile(np.arange(n), m),
        "cones": moreau.Cones(num_nonneg_cones=m),
    }


def moreau_jax(draws: Draws) -> Pair:
    """moreau's JAX interface, default settings."""
    import moreau.jax

    solver = moreau.jax.Solver(**_rows(draws))
    return _layer(lambda P, q, G, h: solver.solve(P.reshape(-1), G.reshape(-1), q, h).x, draws)


def moreau_compiled(draws: Draws) -> Pair:
    """moreau's compiled batch interface with its active-set solver: its best on these problems."""
    import moreau

    batch = len(draws.q)
    settings = moreau.Settings(batch_size=batch, enable_grad=True, solver="active_set", device="cpu")
    solver = moreau.CompiledSolver(**_rows(draws), settings=settings)
    P, G = draws.P.reshape(batch, -1), draws.G.reshape(batch, -1)
    ones = np.ones_like(draws.q)

    def forward() -> tuple[np.ndarray, np.ndarray]:
        solver.setup(P, G)
        return np.asarray(solver.solve(draws.q, draws.h).x), np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, _ = forward()
        return x, np.asarray(solver.backward(ones)["dq"])

    return forward, both


PEERS: dict[str, Callable[[Draws], Pair]] = {
    "karush": karush_layer,
    "moreau (JAX)": moreau_jax,
    "moreau (compiled)": moreau_compiled,
    "qpax 1e-3": qpax_layer(1e-3),
    "qpax 1e-6": qpax_layer(1e-6),
}

"""Time batched layers with second-order and exponential cones, forward and backward, against moreau and cvxpylayers.

usage: python -m benchmarks.cone_layers [--rounds 7] [--batch 128] [--cases robust,logistic] [--peers …] [--write FILE]

All systems solve the same draws in one process, in turn, after a warm-up; medians. The gradient is that of Σ x in all
data; its part in one param is compared with an exact solution by Newton's method.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import karush
from benchmarks.cone_cases import CASES, Case, Conic, exact
from benchmarks.layers import Pair, jax_layer, machine, measured, table


def karush_layer(case: Case, data: dict) -> Pair:
    """The .opt file of the case, as a user embeds it."""
    model = karush.loads(case.model)
    unknown = next(iter(model.model.vars))
    names = tuple(data)

    def solve(*arrays: jax.Array) -> jax.Array:
        return getattr(model(**dict(zip(names, arrays, strict=True))), unknown)

    return jax_layer(solve, tuple(data.values()), names.index(case.wrt))


def _lanes(case: Case, data: dict) -> list[Conic]:
    batch = len(data[case.wrt])
    return [case.conic({name: value[i] for name, value in data.items()}) for i in range(batch)]


def moreau_compiled(case: Case, data: dict) -> Pair:
    """moreau's compiled batch interface, which has its interior point for cones."""
    import moreau

    lanes = _lanes(case, data)
    pattern_A = np.any([lane.A != 0 for lane in lanes], axis=0)
    pattern_P = np.any([lane.P != 0 for lane in lanes], axis=0)
    rows, n = pattern_A.shape
    offsets = [np.concatenate([[0], np.cumsum(pattern.sum(axis=1))]) for pattern in (pattern_P, pattern_A)]
    columns = [np.nonzero(pattern)[1] for pattern in (pattern_P, pattern_A)]
    settings = moreau.Settings(batch_size=len(lanes), enable_grad=True, device="cpu")
    solver = moreau.CompiledSolver(
        n=n,
        m=rows,
        P_row_offsets=offsets[0],
        P_col_indices=columns[0],
        A_row_offsets=offsets[1],
        A_col_indices=columns[1],
        cones=moreau.Cones(**lanes[0].cones),
        settings=settings,
    )
    P = np.stack([lane.P[pattern_P] for lane in lanes])
    A = np.stack([lane.A[pattern_A] for lane in lanes])
    q, b = np.stack([lane.q for lane in lanes]), np.stack([lane.b for lane in lanes])
    ones = np.zeros_like(q)
    ones[:, : case.unknowns] = 1

    def forward() -> tuple[np.ndarray, np.ndarray]:
        solver.setup(P, A)
        return np.asarray(solver.solve(q, b).x)[:, : case.unknowns], np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, _ = forward()
        found = solver.backward(ones)
        return x, case.pulled(np.asarray(found["dq"]), np.asarray(found["db"]), data)

    return forward, both


def cvxpylayers_layer(case: Case, data: dict) -> Pair:
    """cvxpylayers' JAX interface at its defaults."""
    from cvxpylayers.jax import CvxpyLayer

    problem, parameters, x = case.cvxpy({name: value[0] for name, value in data.items()})
    layer = CvxpyLayer(problem, parameters=list(parameters.values()), variables=[x])
    values = [jnp.asarray(data[name]) for name in parameters]

    def forward() -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(layer(*values)[0]), np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, pull = jax.vjp(lambda *arrays: layer(*arrays)[0], *values)
        return np.asarray(x), np.asarray(pull(jnp.ones_like(x))[list(parameters).index(case.wrt)])

    return forward, both


HEAD = "layer"
PEERS = {"karush": karush_layer, "moreau (compiled)": moreau_compiled, "cvxpylayers": cvxpylayers_layer}


def measure(case: Case, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system."""
    data = dict(case.draw(batch))
    runs = {name: PEERS[name](case, data) for name in names}
    return measured(runs, rounds, f"{batch} × {case.name}", lambda x: exact(case, data, x))


def main() -> None:
    """Measure every case and print (and write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict] = []
    for name in options.cases.split(","):
        rows += measure(CASES[name], options.batch, options.rounds, options.peers.split(","))
        print(table(rows, HEAD), flush=True)
    if options.write:
        options.write.write_text(
            "# Layers with cones\n\n"
            f"Made by `python -m benchmarks.cone_layers --rounds {options.rounds} --batch {options.batch} "
            f"--write {options.write}` on {machine()}. Ratios mean something, "
            f"single times do not.\n\n{table(rows, 'layer')}\n"
        )


if __name__ == "__main__":
    main()

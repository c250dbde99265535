"""Time batched layers with second-order and exponential cones, forward and backward, against moreau and cvxpylayers.

usage: python -m benchmarks.cone_layers [--rounds 7] [--batch 128] [--cases robust,logistic] [--peers …] [--write FILE]

All systems solve the same draws in one process, in turn, after a warm-up; medians. The gradient is that of Σ x in all
data; its part in one param is compared with an exact solution by Newton's method.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import karush
from benchmarks.cone_cases import CASES, Case, Conic, exact

Run = Callable[[], tuple[np.ndarray, np.ndarray]]


def karush_layer(case: Case, data: dict) -> tuple[Run, Run]:
    """The .opt file of the case, as a user embeds it."""
    model = karush.loads(case.model)
    unknown = next(iter(model.model.vars))
    names = tuple(data)
    values = tuple(jnp.asarray(data[name]) for name in names)

    def solve(*arrays: jax.Array) -> jax.Array:
        return getattr(model(**dict(zip(names, arrays, strict=True))), unknown)

    def total(*arrays: jax.Array) -> tuple[jax.Array, jax.Array]:
        x = jax.vmap(solve)(*arrays)
        return jnp.sum(x), x

    forward = jax.jit(jax.vmap(solve))
    both = jax.jit(jax.value_and_grad(total, argnums=tuple(range(len(names))), has_aux=True))

    def run_forward() -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(jax.block_until_ready(forward(*values))), np.zeros(0)

    def run_both() -> tuple[np.ndarray, np.ndarray]:
        (_, x), gradients = jax.block_until_ready(both(*values))
        return np.asarray(x), np.asarray(gradients[names.index(case.wrt)])

    return run_forward, run_both


def _lanes(case: Case, data: dict) -> list[Conic]:
    batch = len(data[case.wrt])
    return [case.conic({name: value[i] for name, value in data.items()}) for i in range(batch)]


def moreau_compiled(case: Case, data: dict) -> tuple[Run, Run]:
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
    width = data[case.wrt].shape[1] if case.wrt == "prior" else data["A"].shape[2]
    ones = np.zeros_like(q)
    ones[:, :width] = 1

    def forward() -> tuple[np.ndarray, np.ndarray]:
        solver.setup(P, A)
        return np.asarray(solver.solve(q, b).x)[:, :width], np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, _ = forward()
        found = solver.backward(ones)
        return x, case.pulled(np.asarray(found["dq"]), np.asarray(found["db"]))

    return forward, both


def cvxpylayers_layer(case: Case, data: dict) -> tuple[Run, Run]:
    """cvxpylayers' JAX interface at its defaults."""
    import cvxpy
    from cvxpylayers.jax import CvxpyLayer

    if case.wrt == "b":
        _, m, n = data["A"].shape
        x, A, b, rho = cvxpy.Variable(n), cvxpy.Parameter((m, n)), cvxpy.Parameter(m), cvxpy.Parameter(nonneg=True)
        problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.norm(A @ x - b) + rho * cvxpy.norm(x)))
        parameters = [A, b, rho]
    else:
        _, m, n = data["X"].shape
        x, X, prior, lam = cvxpy.Variable(n), cvxpy.Parameter((m, n)), cvxpy.Parameter(n), float(data["lam"][0])
        loss = cvxpy.sum(cvxpy.logistic(X @ x)) + lam / 2 * cvxpy.sum_squares(x - prior)
        problem = cvxpy.Problem(cvxpy.Minimize(loss))
        parameters = [X, prior]
    layer = CvxpyLayer(problem, parameters=parameters, variables=[x])
    values = [jnp.asarray(value) for value in list(data.values())[: len(parameters)]]
    wrt = list(data).index(case.wrt)

    def forward() -> tuple[np.ndarray, np.ndarray]:
        return np.asarray(layer(*values)[0]), np.zeros(0)

    def both() -> tuple[np.ndarray, np.ndarray]:
        x, pull = jax.vjp(lambda *arrays: layer(*arrays)[0], *values)
        return np.asarray(x), np.asarray(pull(jnp.ones_like(x))[wrt])

    return forward, both


PEERS = {"karush": karush_layer, "moreau (compiled)": moreau_compiled, "cvxpylayers": cvxpylayers_layer}


def relative_error(got: np.ndarray, want: np.ndarray) -> float:
    """Largest |got − want| over all lanes, relative to the largest |want|."""
    error = float(np.max(np.abs(got - want)) / np.max(np.abs(want)))
    return error if np.isfinite(error) else float("inf")


def measure(case: Case, batch: int, rounds: int, names: list[str]) -> list[dict]:
    """One row a system."""
    data = dict(case.draw(batch))
    runs = {name: PEERS[name](case, data) for name in names}
    results = {name: (both(), forward())[0] for name, (forward, both) in runs.items()}
    seconds: dict[str, list[list[float]]] = {name: [[], []] for name in names}
    for _ in range(rounds):
        for name, pair in runs.items():
            for kind, call in enumerate(pair):
                begin = time.perf_counter()
                call()
                seconds[name][kind].append(time.perf_counter() - begin)
    x_exact, gradient_exact = exact(case, data, results[names[0]][0])
    rows = []
    for name in names:
        forward, both = (1000 * float(np.median(times)) for times in seconds[name])
        x, gradient = results[name]
        errors = {"x": relative_error(x, x_exact), "gradient": relative_error(gradient, gradient_exact)}
        rows.append({"case": f"{batch} × {case.name}", "system": name, "forward": forward, "both": both, **errors})
    return [{**row, "ratio": row["both"] / rows[0]["both"]} for row in rows]


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| layer | system | forward ms | forward + backward ms | ratio to karush | error of x | of gradient |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['case']} | {r['system']} | {r['forward']:.2f} | {r['both']:.2f} | {r['ratio']:.2f} | {r['x']:.0e} "
        f"| {r['gradient']:.0e} |"
        for r in rows
    ]
    return "\n".join(lines)


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
        print(table(rows), flush=True)
    if options.write:
        cores = len(os.sched_getaffinity(0))
        machine = f"{cores} core{'s' * (cores > 1)} of a {platform.machine()} CPU"
        options.write.write_text(
            "# Layers with cones\n\n"
            f"Made by `python -m benchmarks.cone_layers --rounds {options.rounds} --batch {options.batch} "
            f"--write {options.write}` on {machine}, jax {jax.__version__}, double precision. Ratios mean something, "
            f"single times do not.\n\n{table(rows)}\n"
        )


if __name__ == "__main__":
    main()

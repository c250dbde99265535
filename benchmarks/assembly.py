"""Sparse assembly: how long the standard form of a multi-period model takes, beside CVXPY's canonicalisation.

    python -m benchmarks.assembly [stages …]

For each number of stages T the model has 5 T + 4 variables and 4 T + 4 equations. Printed are the seconds to trace and
compile the program that makes the form (once for a model and its sizes), to make the form from new data, CVXPY's to
make the form of the same problem (a new problem each time, as its cache holds for params in DPP form alone), the stored
entries, and the greatest memory of the process so far.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import cvxpy
import jax
import numpy as np

import karush

MODEL = """dim T, nx, nu
param A[nx, nx], B[nx, nu], x0[nx], Q[nx, nx] in psd, ref[T, nx], most
var x[T + 1, nx], u[T, nu] in box(-most, most)
minimize sum(quad(x[t, :] - ref[t, :], Q) for t in T) + 0.1 * sumsq(u)
subject to
  start: x[0, :] == x0
  next:  x[t + 1, :] == A @ x[t, :] + B @ u[t, :] for t in T
  limit: -3 <= x[t, 0] + 2 * u[t, 0] <= 4 for t in T
"""


def data_of(stages: int) -> dict[str, Any]:
    """Four states, one input."""
    rng = np.random.default_rng(0)
    A = np.eye(4) + 0.1 * np.triu(rng.normal(size=(4, 4)), 1)
    B = 0.1 * rng.normal(size=(4, 1))
    return {"A": A, "B": B, "x0": np.ones(4), "Q": np.eye(4), "ref": np.zeros((stages, 4)), "most": 1.0}


def cvxpy_seconds(data: dict[str, Any]) -> float:
    """The time of CVXPY to make the data of Clarabel, written with whole arrays as is best for it."""
    stages = len(data["ref"])
    x, u = cvxpy.Variable((stages + 1, 4)), cvxpy.Variable((stages, 1))
    cost = cvxpy.sum_squares(x[:-1] - data["ref"]) + 0.1 * cvxpy.sum_squares(u)
    rows = [
        x[0] == data["x0"],
        x[1:] == x[:-1] @ data["A"].T + u @ data["B"].T,
        cvxpy.abs(u) <= data["most"],
        x[:-1, 0] + 2 * u[:, 0] <= 4,
        x[:-1, 0] + 2 * u[:, 0] >= -3,
    ]
    begin = time.perf_counter()
    cvxpy.Problem(cvxpy.Minimize(cost), rows).get_problem_data(cvxpy.CLARABEL)
    return time.perf_counter() - begin


def row(stages: int) -> str:
    """One line of the table."""
    data = data_of(stages)
    begin = time.perf_counter()
    prepared = karush.loads(MODEL).prepare(data)
    compiled = prepared.compiled
    assert compiled.assembly.is_sparse, compiled.assembly.reason
    program = jax.jit(compiled.template).lower(dict(prepared.arrays)).compile()
    compile_s = time.perf_counter() - begin
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        form = jax.block_until_ready(program(dict(prepared.arrays)))
        seconds.append(time.perf_counter() - begin)
    stored = form.quadratic.nse + form.equality_matrix.nse + form.inequality_matrix.nse
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    theirs = min(cvxpy_seconds(data) for _ in range(3))
    times = f"{compile_s:10.2f} {min(seconds):9.3f} {theirs:9.3f}"
    return f"{stages:8d} {form.linear.size:10d} {stored:10d} {times} {peak:8.0f}"


def main() -> None:
    """Print the table."""
    jax.config.update("jax_enable_x64", True)
    print(f"{'T':>8} {'variables':>10} {'entries':>10} {'compile s':>10} {'form s':>9} {'CVXPY s':>9} {'peak MB':>8}")
    for stages in [int(word) for word in sys.argv[1:]] or [1_000, 10_000]:
        print(row(stages), flush=True)


if __name__ == "__main__":
    main()

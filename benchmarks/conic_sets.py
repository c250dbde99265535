"""Solve sets of real cone programs by the interior point, judge every answer, and ask Clarabel the same.

usage: python -m benchmarks.conic_sets [--max-variables 1000] [--max-rows 8000] [--only TEXT] [--no-peers]
           [--write FILE]

`error` is the relative KKT residual of the answer (karush.solvers.residuals), or the defect of its certificate; a
program counts as solved within 1e-6. Clarabel runs at its defaults and its answer is judged alike. Times are those of a
solve that is compiled already; `compile` is the rest of the first call.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path
from typing import Any

import clarabel
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

from benchmarks.conic_files import KINDS, ConeProgram, paths, read
from karush.compiler.lowering.xla_options import QUICK, accepted
from karush.solvers.certificates import infeasibility_defect, unboundedness_defect
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.interior_point import solve
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.result import Solution, Status

LIMIT = 1e-6
HEAD = "| program | variables | rows | status | iterations | error | ms | compile s | Clarabel | error | ms |"


def _groups(data: ConeProgram) -> dict[tuple[str, int], list[tuple[np.ndarray, float]]]:
    """The rows (as indices into A) of each kind and size of cone, with the exponent."""
    groups: dict[tuple[str, int], list[tuple[np.ndarray, float]]] = {}
    first = 0
    for kind, size, exponent in data.cones:
        groups.setdefault((kind, size if kind in KINDS else 0), []).append((np.arange(first, first + size), exponent))
        first += size
    return groups


def _order(data: ConeProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The rows that are equalities, nonnegative, and in other cones, the last in the order of the form."""
    groups = _groups(data)

    def rows(keep: list[tuple[str, int]]) -> np.ndarray:
        parts = [at for key in keep for at, _ in groups[key]]
        return np.concatenate([np.zeros(0, int), *parts])

    kinds = [[key for key in groups if key[0] == kind] for kind in ("zero", "nonneg")]
    return rows(kinds[0]), rows(kinds[1]), rows([key for key in groups if key[0] in KINDS])


def program(data: ConeProgram) -> QuadraticProgram:
    """The program in the solvers' form."""
    A, n = data.A.toarray(), data.c.size
    zero, nonneg, curved = _order(data)
    groups = {key: members for key, members in _groups(data).items() if key[0] in KINDS}
    cones = tuple(Cones(KINDS[kind], size, len(members)) for (kind, size), members in groups.items())
    exponents = [exponent for (kind, _), members in groups.items() if kind == "pow" for _, exponent in members]
    rows = ConeRows(jnp.asarray(-A[curved]), jnp.asarray(data.b[curved]), jnp.asarray(exponents, float), cones)
    sides = jnp.asarray(-data.b[nonneg]), None, None, None
    data_of_rows = (jnp.asarray(A[zero]), jnp.asarray(data.b[zero]), jnp.asarray(-A[nonneg].reshape(-1, n)))
    return QuadraticProgram(
        None, jnp.asarray(data.c), jnp.zeros(()), *data_of_rows, *sides, cone_rows=rows if cones else None
    )


def error_of(problem: QuadraticProgram, found: Solution) -> float:
    """What the status must be measured by."""
    if found.status == Status.INFEASIBLE:
        return float(infeasibility_defect(problem, found.certificate))
    if found.status == Status.UNBOUNDED:
        return float(unboundedness_defect(problem, found.certificate))
    return float(worst(kkt_residuals(problem, found.point)))


def _own(problem: QuadraticProgram) -> tuple[Solution, float, float]:
    """(solution, seconds of a compiled solve, seconds of compiling)."""
    begin = time.perf_counter()
    run = jax.jit(solve, compiler_options=accepted(QUICK)).lower(problem).compile()
    compiled = time.perf_counter() - begin
    begin = time.perf_counter()
    found = jax.block_until_ready(run(problem))
    return found, time.perf_counter() - begin, compiled


def _clarabel(data: ConeProgram, problem: QuadraticProgram) -> str:
    """The last columns of the row: status, error, milliseconds."""
    make = {
        "zero": clarabel.ZeroConeT,
        "nonneg": clarabel.NonnegativeConeT,
        "soc": clarabel.SecondOrderConeT,
        "psd": lambda size: clarabel.PSDTriangleConeT(math.isqrt(2 * size)),
    }
    cones: list[Any] = []
    for kind, size, exponent in data.cones:
        if kind == "exp":
            cones.append(clarabel.ExponentialConeT())
        else:
            cones.append(clarabel.PowerConeT(exponent) if kind == "pow" else make[kind](size))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    n = data.c.size
    begin = time.perf_counter()
    found = clarabel.DefaultSolver(sp.csc_matrix((n, n)), data.c, data.A, data.b, cones, settings).solve()
    seconds = time.perf_counter() - begin
    zero, nonneg, curved = _order(data)
    z = np.asarray(found.z)
    u = None if problem.cone_rows is None else jnp.asarray(z[curved])
    point = Point(jnp.asarray(found.x), jnp.asarray(-z[zero]), jnp.asarray(z[nonneg]), None, u)
    error = float(worst(kkt_residuals(problem, point)))
    return f"{found.status} | {error:.0e} | {1e3 * seconds:.1f} |"


def row(data: ConeProgram, peers: bool) -> tuple[str, bool]:
    """The line of the table, and whether it counts as solved."""
    problem = program(data)
    found, seconds, compiled = _own(problem)
    error = error_of(problem, found)
    own = f"{Status(int(found.status)).word} | {int(found.iterations)} | {error:.0e} | {1e3 * seconds:.1f}"
    own = f"{own} | {compiled:.0f}"
    rest = _clarabel(data, problem) if peers else "| | |"
    return f"| {data.name} | {data.c.size} | {data.b.size} | {own} | {rest}", error <= LIMIT


def main() -> None:
    """Print the table, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--max-variables", type=int, default=1000)
    parser.add_argument("--max-rows", type=int, default=8000)
    parser.add_argument("--only", default="", help="programs whose name contains this text")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    lines, solved = [HEAD, "|" + "---|" * HEAD.count(" | ") + "---|"], 0
    print("\n".join(lines), flush=True)
    for path in paths():
        if options.only not in path.name:
            continue
        data = read(path)
        if data.c.size > options.max_variables or data.b.size > options.max_rows:
            continue
        line, right = row(data, not options.no_peers)
        solved += right
        lines.append(line)
        print(line, flush=True)
    last = f"\nWithin {LIMIT:.0e}: {solved} of {len(lines) - 2}."
    print(last)
    if options.write:
        options.write.write_text("\n".join([*lines, last]) + "\n")


if __name__ == "__main__":
    main()

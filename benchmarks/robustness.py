"""Solve thousands of random programs, hard families among them, and judge every answer from the data.

usage: python -m benchmarks.robustness [--draws 400] [--solvers auto,ipm] [--only TEXT] [--write FILE]

A lane is right if it ends as its family says, with a KKT residual within 1e-9 or a certificate that verifies within
1e-9, both worked out in NumPy. It is marked if its status promises nothing: solved_inaccurate, limit, failed. All else
is wrong: said to be solved but is not, a certificate that proves nothing, a verdict against the family.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.families import FAMILIES, Batch, Family
from benchmarks.judge import farkas_error, kkt_error, ray_error
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import NAMES, Method, choose, facts_of, refusal
from karush.solvers.result import Solution, Status
from karush.solvers.xla_options import QUICK, accepted

LIMIT = 1e-9
# as `karush run` compiles: most of the time would go into optimising programs that run for a second; not the large ones
QUICK_BELOW = 100
PROMISES = (Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED)


@dataclass(frozen=True)
class Verdicts:
    """Of each lane: its status, the error that the judge finds for that status, its iterations."""

    status: np.ndarray
    error: np.ndarray
    iterations: np.ndarray


def program(data: Batch) -> QuadraticProgram:
    """The batch in the solver's form; sides that no lane has are left out."""

    def side(values: np.ndarray) -> tuple[jax.Array | None, jax.Array | None]:
        there = np.isfinite(values)
        if not there.any():
            return None, None
        return jnp.asarray(np.where(there, values, 0)), None if there.all() else jnp.asarray(there)

    sides = [side(values) for values in (data.lower, data.upper, data.bound_lower, data.bound_upper)]
    P = None if data.P is None else jnp.asarray(data.P)
    constant = jnp.zeros(len(data.q))
    rows = map(jnp.asarray, (data.A, data.b, data.G))
    return QuadraticProgram(P, jnp.asarray(data.q), constant, *rows, *(s[0] for s in sides), *(s[1] for s in sides))


def multipliers(point: Point, data: Batch) -> np.ndarray:
    """Those of equations, rows and bounds side by side."""
    w = np.zeros_like(data.q) if point.w is None else np.asarray(point.w)
    return np.concatenate([np.asarray(point.y), np.asarray(point.z), w], axis=1)


def judge(data: Batch, found: Solution) -> Verdicts:
    """The error by which each lane's status must be measured; infinite where there is no such measure."""
    status = np.asarray(found.status)
    proof = found.certificate
    errors = (
        kkt_error(data, np.asarray(found.point.x), multipliers(found.point, data)),
        farkas_error(data, multipliers(proof, data)),
        ray_error(data, np.asarray(proof.x)),
    )
    error = np.select([status == promise for promise in PROMISES], errors, np.inf)
    return Verdicts(status, error, np.asarray(found.iterations))


def solver_of(family: Family, name: str) -> Callable[[QuadraticProgram], Solution] | None:
    """The batched solver of a name for the family's shapes; None if it does not take them, or is what auto takes."""
    example = jax.tree.map(lambda leaf: leaf[0], program(family.build(np.random.default_rng(0), 1)))
    facts = facts_of(example, family.definite)
    if refusal(name, facts) is not None:
        return None
    choice, default = choose(facts, name), choose(facts)
    if name != "auto" and choice.name == default.name and not default.fallback:
        return None
    method = Method(Settings(), choice)
    options = accepted(QUICK) if facts.variables < QUICK_BELOW else None
    return jax.jit(jax.vmap(lambda data: bare(method(data, None))), compiler_options=options)


def bare(solution: Solution) -> Solution:
    """Without what is left for the derivative."""
    return Solution(**{**vars(solution), "factor": None})


def run(family: Family, solve: Callable[[QuadraticProgram], Solution], draws: int) -> Verdicts:
    """Solve and judge the family's lanes, a chunk at a time; every chunk has its own seed."""
    lanes = max(1, round(family.share * draws))
    chunk = min(family.chunk, lanes)
    parts = []
    for number in range(-(-lanes // chunk)):
        data = family.build(np.random.default_rng([2019, number]), chunk)
        parts.append(judge(data, solve(program(data))))
    together = (np.concatenate([getattr(part, name) for part in parts])[:lanes] for name in vars(parts[0]))
    return Verdicts(*together)


def row(family: Family, name: str, verdicts: Verdicts) -> dict:
    """The line of the table."""
    as_made = verdicts.status == Status[family.outcome.upper()]
    right = as_made & (verdicts.error <= LIMIT)
    marked = ~np.isin(verdicts.status, PROMISES)
    return {
        "family": family.name,
        "solver": name,
        "lanes": len(right),
        "right": int(right.sum()),
        "marked": int(marked.sum()),
        "wrong": int((~right & ~marked).sum()),
        "worst": float(np.max(verdicts.error[as_made], initial=0.0)),
        "median": float(np.median(verdicts.iterations)),
        "most": int(np.max(verdicts.iterations)),
    }


def table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| family | solver | lanes | right | marked | wrong | worst error | median iterations | most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        numbers = f"{r['lanes']} | {r['right']} | {r['marked']} | {r['wrong']} | {r['worst']:.0e}"
        lines.append(f"| {r['family']} | {r['solver']} | {numbers} | {r['median']:.0f} | {r['most']} |")
    return "\n".join(lines)


def document(rows: list[dict], command: str) -> str:
    """The page docs/robustness.md."""
    count = len(os.sched_getaffinity(0))
    cores = {1: "one CPU core", 2: "two CPU cores"}.get(count, f"{count} CPU cores")
    total = {key: sum(r[key] for r in rows) for key in ("lanes", "right", "marked", "wrong")}
    return (
        "# Robustness\n\n"
        f"Made by `{command}` on {cores} ({platform.machine()}), float64, jax {jax.__version__}.\n\n"
        "Every lane is one random program of its family; how each is made stands in `benchmarks/families.py`. "
        'Besides the draws "2019" all have 24 variables. `auto` is what a model takes by default; `ipm`, the interior '
        "point, is asked for by name where it is not the default.\n\n"
        "- right: the lane ends as its family says. A solution's KKT residual is within 1e-9, a certificate that there "
        "is none verifies within 1e-9; both are worked out in NumPy from the data, not taken from the solver.\n"
        "- marked: the status promises nothing (`solved_inaccurate`, `limit`, `failed`).\n"
        "- wrong: everything else. Said to be solved but is not, a certificate that proves nothing, a verdict against "
        "the family.\n\n"
        "The worst error is that of the lanes that end as their family says: relative KKT residuals, or the "
        "certificates' defects.\n\n"
        f"{table(rows)}\n\n"
        f"In all {total['lanes']} lanes: {total['right']} right, {total['marked']} marked, {total['wrong']} wrong.\n"
    )


def solver_names(text: str) -> list[str]:
    """The names in a list separated by commas."""
    names = text.split(",")
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise argparse.ArgumentTypeError(f"no solver {', '.join(unknown)}; the names are {', '.join(NAMES)}")
    return names


def main() -> None:
    """Judge every family and print (and write) the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--draws", type=int, default=400, help="lanes of a family; the draws 2019 take 2.5 and 0.5 of it"
    )
    parser.add_argument("--solvers", type=solver_names, default=["auto", "ipm"])
    parser.add_argument("--only", default="", help="families whose name contains this text")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    rows: list[dict] = []
    begin = time.perf_counter()
    show = partial(print, flush=True)
    show(table([]))
    for family in FAMILIES:
        if options.only not in family.name:
            continue
        for name in options.solvers:
            solve = solver_of(family, name)
            if solve is not None:
                rows.append(row(family, name, run(family, solve, options.draws)))
                show(table(rows[-1:]).splitlines()[-1])
    show(f"{time.perf_counter() - begin:.0f} s in all")
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(
            document(rows, f"python -m benchmarks.robustness --draws {options.draws} --write {options.write}")
        )


if __name__ == "__main__":
    main()

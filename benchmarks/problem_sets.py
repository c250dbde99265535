"""Solve sets of real programs by the automatic choice or a named solver, and judge and time every answer.

usage: python -m benchmarks.problem_sets [--sets qp,lp,lp_infeasible] [--solver auto] [--max-variables N]
           [--only NAME] [--seconds 120] [--no-peers] [--write FILE]

A program counts as solved if its relative KKT error, worked out in NumPy from the data, is within 1e-6, and as proved
to have no solution if its certificate's is. Peers are called directly, at their defaults, on the same data in the form
that they take, and judged alike. Times are those of a solve that is compiled already, without what earlier solves left
in the memo of factorisations; `compile` is the rest of the first call.

Programs run one after the other in a process of their own that is ended after `--seconds` for one program.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import multiprocessing.connection
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks.problem_files import SETS, SparseProgram, paths, quadratic_program, read
from benchmarks.sparse_judge import farkas_error, kkt_error
from karush.compiler.lowering.xla_options import QUICK, accepted
from karush.solvers.host import sparse_system
from karush.solvers.host.program import Answer, host_program
from karush.solvers.host.registry import HOST_SOLVERS
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import NAMES, Method, choose, facts_of, refusal, taken
from karush.solvers.result import Status

LIMIT = 1e-6
PEERS = ("clarabel", "highs", "osqp")
# the shift of the geometric mean of times, in seconds
SHIFT = 0.01
LOOSE = {"clarabel": 1e-8, "highs": 1e-7, "osqp": 1e-3}


@dataclass(frozen=True)
class Row:
    """What one solver made of one program: ``error`` of the answer as judged, ``seconds`` infinite if it was ended."""

    set: str
    program: str
    variables: int
    rows: int
    solver: str
    status: str
    error: float
    seconds: float
    compile: float = 0.0

    @property
    def is_right(self) -> bool:
        """Within the limit."""
        return self.error <= LIMIT


def _stacked(data: SparseProgram, y: Any, z: Any, w: Any) -> np.ndarray:
    """Multipliers of equalities and rows in the order of the file's rows, and those of the bounds."""
    rows = np.empty(data.A.shape[0])
    rows[data.is_equality], rows[~data.is_equality] = y, z
    return np.concatenate([rows, np.zeros_like(data.q) if w is None else w])


def _error(data: SparseProgram, status: Status, x: Any, v: np.ndarray, proof: np.ndarray) -> float:
    return farkas_error(data, proof) if status == Status.INFEASIBLE else kkt_error(data, np.asarray(x), v)


def _own(set_name: str, data: SparseProgram, solver: str) -> Row:
    """The row of a solver of ours."""
    problem = quadratic_program(data)
    choice = choose(facts_of(problem), solver)
    method = Method(Settings(), choice)

    def solve(given: Any) -> tuple[Any, ...]:
        found = method(taken(given, choice), None)
        return found.status, found.point, found.certificate

    function = jax.jit(solve, compiler_options=accepted(QUICK))
    begin = time.perf_counter()
    jax.block_until_ready(function(problem))
    first = time.perf_counter() - begin
    sparse_system.forget()
    begin = time.perf_counter()
    status, point, proof = jax.block_until_ready(function(problem))
    seconds = time.perf_counter() - begin
    verdict = Status(int(status))
    multipliers = (_stacked(data, p.y, p.z, p.w) for p in (point, proof))
    error = _error(data, verdict, point.x, *multipliers)
    name = solver if solver != "auto" else f"auto ({choice.name})"
    m, n = data.A.shape
    return Row(set_name, data.name, n, m, name, verdict.word, error, seconds, first - seconds)


def _peer(set_name: str, data: SparseProgram, name: str) -> Row:
    """The row of a host solver called by itself."""
    solver = next(solver for solver in HOST_SOLVERS if solver.name == name)
    program = host_program(quadratic_program(data))
    begin = time.perf_counter()
    found: Answer = solver.answer(program, LOOSE[name], None)
    seconds = time.perf_counter() - begin
    v = _stacked(data, found.y, found.z, found.w)
    error = _error(data, found.claim, found.x, v, v)
    m, n = data.A.shape
    return Row(set_name, data.name, n, m, name, found.claim.word, error, seconds)


Task = tuple[str, str, str, bool]


def _work(tasks: multiprocessing.connection.Connection) -> None:
    """Do tasks until there are no more: (set, path, solver, whether it is a peer)."""
    jax.config.update("jax_enable_x64", True)
    while True:
        task: Task | None = tasks.recv()
        if task is None:
            return
        set_name, path, solver, is_peer = task
        tasks.send((_peer if is_peer else _own)(set_name, read(Path(path)), solver))


class Worker:
    """A process that makes one row at a time, and is ended where that takes too long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.process: Any = None
        self.pipe: Any = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()

    def row(self, task: Task, data: SparseProgram) -> Row:
        """The row of a task; one of infinite error where it ran out of time or broke down."""
        if self.process is None:
            self._start()
        m, n = data.A.shape
        missing = Row(task[0], data.name, n, m, task[2], "ended", float("inf"), float("inf"))
        self.pipe.send(task)
        try:
            if self.pipe.poll(self.seconds):
                row: Row = self.pipe.recv()
                return row
        except EOFError:
            pass
        self.close()
        return missing

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.terminate()
            self.process.join()
        self.process = None


def shifted_mean(seconds: list[float], most: float) -> float:
    """The geometric mean of times shifted by SHIFT; what failed counts as ``most``."""
    return float(np.exp(np.mean(np.log(np.minimum(seconds, most) + SHIFT))) - SHIFT)


def summary(rows: list[Row], most: float) -> str:
    """Solved counts and mean times of each set and solver, as a Markdown table."""
    lines = ["| set | solver | right | of | mean seconds |", "|---|---|---|---|---|"]
    keys = list(dict.fromkeys((row.set, row.solver.split(" ")[0]) for row in rows))
    for set_name, solver in keys:
        own = [row for row in rows if (row.set, row.solver.split(" ")[0]) == (set_name, solver)]
        times = [row.seconds if row.is_right else most for row in own]
        right = sum(row.is_right for row in own)
        lines.append(f"| {set_name} | {solver} | {right} | {len(own)} | {shifted_mean(times, most):.3f} |")
    return "\n".join(lines)


def line(row: Row) -> str:
    """One row of the long table."""
    size = f"{row.variables} | {row.rows}"
    return (
        f"| {row.set} | {row.program} | {size} | {row.solver} | {row.status} | {row.error:.0e} | {row.seconds:.3f} |"
        f" {row.compile:.1f} |"
    )


HEAD = (
    "| set | program | variables | rows | solver | status | error | seconds | compile |\n"
    "|---|---|---|---|---|---|---|---|---|"
)


def tasks(options: argparse.Namespace) -> Iterator[tuple[Task, SparseProgram]]:
    """What is to be done, program by program."""
    for set_name in options.sets.split(","):
        for path in paths(set_name):
            data = read(path)
            if data.q.size > options.max_variables or options.only not in data.name:
                continue
            for solver in options.solver.split(","):
                if refusal(solver, facts_of(quadratic_program(data))) is None:
                    yield (set_name, str(path), solver, False), data
            for peer in () if options.no_peers else PEERS:
                yield (set_name, str(path), peer, True), data


def document(rows: list[Row], most: float, command: str) -> str:
    """The page: the summary, then every row."""
    count = len(os.sched_getaffinity(0))
    return (
        f"# Sets of real programs\n\nMade by `{command}` on {count} CPU cores ({platform.machine()}), float64, "
        f"jax {jax.__version__}.\n\n"
        f"Right: relative KKT error, or the certificate's, within {LIMIT:g}, worked out in NumPy. Times are shifted "
        f"geometric means (shift {SHIFT} s); what is not right counts as {most:g} s.\n\n"
        f"{summary(rows, most)}\n\n{HEAD}\n" + "\n".join(map(line, rows)) + "\n"
    )


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--solver", default="auto", help=f"of {', '.join(NAMES)}; several separated by commas")
    parser.add_argument("--max-variables", type=float, default=float("inf"))
    parser.add_argument("--only", default="", help="programs whose name contains this text")
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--write", type=Path, help="a page; beside it the rows as JSON")
    return parser.parse_args()


def main() -> None:
    """Do all tasks and print the tables."""
    options = arguments()
    jax.config.update("jax_enable_x64", True)
    worker, rows = Worker(options.seconds), []
    print(HEAD, flush=True)
    for task, data in tasks(options):
        rows.append(worker.row(task, data))
        print(line(rows[-1]), flush=True)
    worker.close()
    print("\n" + summary(rows, options.seconds))
    if options.write:
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(document(rows, options.seconds, "python -m benchmarks.problem_sets"))
        options.write.with_suffix(".json").write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()

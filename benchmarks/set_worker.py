"""A process that works on one program at a time and is ended where that takes too long.

karush's solvers are compiled first; what is timed is a call of the compiled function, the second one where the first
was short, without what earlier calls left in the memo of factorisations. Times are processor times of the process: on
one core they are what a clock shows where nothing else runs, and they mean something where something does.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
from osqp.interface import OSQPException

from benchmarks.direct import DIRECT
from benchmarks.set_programs import Program, judged, read
from benchmarks.set_rows import Row, Task, clock
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.host import sparse_system
from karush.solvers.host.program import host_program
from karush.solvers.host.registry import HostSolver
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import Method, choose, facts_of, taken
from karush.solvers.result import Status
from karush.solvers.xla_options import OLD_EMITTERS, QUICK, accepted

# A call shorter than this is made twice: the first one loads packages.
SHORT = 2.0

# From so many variables on programs are compiled with LLVM's optimisations; below that counts matter more than times.
OPTIMISED = 1000

# How often the time that a process has used is looked at, in seconds.
POLL = 0.2


@dataclass
class _Clock:
    """Seconds and calls of a function that is wrapped."""

    seconds: list[float] = field(default_factory=list)

    def around(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the function."""
        begin = clock()
        try:
            return function(*arguments)
        finally:
            self.seconds.append(clock() - begin)


@contextmanager
def _clocks() -> Iterator[tuple[_Clock, _Clock]]:
    """Clocks of the packages on the host, and of the factorisations and solves of the refinement."""
    host, refinement = _Clock(), _Clock()
    answer, solve = HostSolver.answer, sparse_system.solve

    def timed(self: HostSolver, *arguments: Any) -> Any:
        return host.around(partial(answer, self), *arguments)

    with (
        mock.patch.object(HostSolver, "answer", timed),
        mock.patch.object(sparse_system, "solve", lambda *arguments: refinement.around(solve, *arguments)),
    ):
        yield host, refinement


def _compiled(problem: QuadraticProgram, solver: str, strongly_convex: bool | None) -> tuple[Any, Any, str]:
    """(function, argument, solver's name)."""
    choice = choose(facts_of(problem, strongly_convex), solver)
    method = Method(Settings(), choice)
    given = taken(problem, choice)

    def solve(given: QuadraticProgram) -> tuple[Any, Point, Point]:
        found = method(given, None)
        return found.status, found.point, found.certificate

    options = QUICK if problem.linear.shape[0] < OPTIMISED else OLD_EMITTERS
    return jax.jit(solve, compiler_options=accepted(options)).lower(given).compile(), given, choice.name


def _own(task: Task, program: Program) -> Row:
    """The row of a solver of karush."""
    begin = clock()
    run, given, used = _compiled(program.problem, task.solver, program.strongly_convex)
    compiled = clock() - begin
    for _ in range(2):
        sparse_system.forget()
        with _clocks() as (host, refinement):
            begin = clock()
            status, point, proof = jax.block_until_ready(run(given))
            seconds = clock() - begin
        if seconds > SHORT:
            break
    verdict = Status(int(status))
    error = judged(program, verdict, proof if verdict in (Status.INFEASIBLE, Status.UNBOUNDED) else point)
    row = _row(task, program, verdict.word, error, seconds, used, compiled)
    return Row(**{**row, "host": sum(host.seconds), "calls": len(host.seconds), "refinement": sum(refinement.seconds)})


def _direct(task: Task, program: Program) -> Row:
    """The row of a package called by itself."""
    found, seconds = DIRECT[task.solver](host_program(program.problem))
    if seconds < SHORT:
        found, seconds = DIRECT[task.solver](host_program(program.problem))
    point = Point(*map(jnp.asarray, (found.x, found.y, found.z, found.w, found.u)))
    error = judged(program, found.claim, point)
    return Row(**_row(task, program, found.claim.word, error, seconds, task.solver, 0.0))


def _row(
    task: Task, program: Program, status: str, error: float, seconds: float, used: str, compiled: float
) -> dict[str, Any]:
    given = {"set": task.set, "file": Path(task.path).name, "program": program.name, "solver": task.solver}
    sizes = {"variables": program.variables, "rows": program.rows, "is_direct": task.is_direct}
    rest = {"status": status, "error": error, "seconds": seconds, "used": used, "compile": compiled}
    return {**given, **sizes, **rest, "is_quick": not task.is_direct and program.variables < OPTIMISED}


def _work(tasks: multiprocessing.connection.Connection) -> None:
    """Do tasks until there are no more."""
    jax.config.update("jax_enable_x64", True)
    while True:
        task: Task | None = tasks.recv()
        if task is None:
            return
        program = read(task.set, Path(task.path))
        try:
            tasks.send((_direct if task.is_direct else _own)(task, program))
        except (ValueError, RuntimeError, TypeError, OSQPException) as refused:
            tasks.send(" ".join(str(refused).split())[:80])


class Worker:
    """The process; it is started again after it was ended."""

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

    def row(self, task: Task) -> Row | str:
        """The row of a task, or why there is none."""
        if self.process is None:
            self._start()
        self.pipe.send(task)
        begin = self._used()
        try:
            while self._used() - begin < self.seconds:
                if self.pipe.poll(POLL):
                    found: Row | str = self.pipe.recv()
                    return found
            why = "time"
        except (EOFError, ConnectionResetError, FileNotFoundError):
            why = "crash"
        self.close()
        return why

    def _used(self) -> float:
        """The processor time that the process has used, in seconds."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.process = None


def cores() -> int:
    """How many cores the process may use."""
    return len(os.sched_getaffinity(0))

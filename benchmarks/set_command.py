"""The command behind problem_sets.py and conic_sets.py: tasks, a worker, a file of results that a run goes on from."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import jax

from benchmarks.direct import available
from benchmarks.set_programs import Program, paths, read
from benchmarks.set_rows import Row, Rows, Task, append, ended, load
from benchmarks.set_tables import document, failures, label, summary
from benchmarks.set_worker import Worker, cores
from karush.solvers.quadratic_driver import NAMES, facts_of, refusal


@dataclass(frozen=True)
class Sets:
    """What a command is about: the page's ``title`` and ``introduction``, its ``sets``, the packages called beside."""

    command: str
    title: str
    introduction: str
    sets: tuple[str, ...]
    direct: tuple[str, ...]
    embedded: tuple[str, ...]


def arguments(sets: Sets) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog=f"python -m {sets.command}", description=sets.introduction)
    parser.add_argument("--results", type=Path, help="JSON lines; what is there already is not done again")
    parser.add_argument("--write", type=Path, help="the page of all results")
    parser.add_argument("--sets", default=",".join(sets.sets))
    parser.add_argument("--solver", default=",".join(("auto", *sets.embedded)), help=f"of {', '.join(NAMES)}")
    parser.add_argument("--direct", default=",".join(sets.direct), help="packages called by themselves")
    parser.add_argument("--embedded-below", type=int, default=1000, help="variables, for solvers other than auto")
    parser.add_argument("--only", default="", help="programs with these names, separated by commas")
    parser.add_argument("--again", action="store_true", help="do what is there already again")
    parser.add_argument("--seconds", type=float, default=20.0, help="for one solve, of processor time")
    parser.add_argument("--compile-seconds", type=float, default=60.0, help="for compiling one solver of karush")
    parser.add_argument("--slice", type=float, default=float("inf"), help="seconds after which no program is begun")
    return parser.parse_args()


def _accepts(solver: str, program: Program, below: int) -> bool:
    if solver == "auto":
        return True
    return program.variables < below and refusal(solver, facts_of(program.problem, program.strongly_convex)) is None


def _names(given: str) -> list[str]:
    return [name for name in given.split(",") if name]


def tasks(options: argparse.Namespace, done: Rows) -> Iterator[tuple[Task, Program]]:
    """What is to be done, program by program: the automatic choice and the packages in turn, then the embedded ones."""
    only, installed = _names(options.only), available()
    for set_name in _names(options.sets):
        for path in paths(set_name):
            program = read(set_name, path)
            if only and program.name not in only:
                continue
            own = [Task(set_name, str(path), solver, False) for solver in _names(options.solver)]
            direct = [Task(set_name, str(path), name, True) for name in _names(options.direct) if name in installed]
            for task in own[:1] + direct + own[1:]:
                if task.key in done and not options.again:
                    continue
                if task.is_direct or _accepts(task.solver, program, options.embedded_below):
                    yield task, program


def said(row: Row) -> str:
    """One line about a row."""
    return (
        f"{row.set:14} {row.program:18} {row.variables:6} {row.rows:6} {label(row):26} {row.used:10} {row.status:18} "
        f"{row.error:8.1e} {row.seconds:8.3f} s, compile {row.compile:5.1f}, host {row.host:7.3f} ({row.calls}), "
        f"refinement {row.refinement:7.3f}"
    )


def _in_order(rows: Rows) -> list[Row]:
    """By set and size, the automatic choice first, then the packages, then the embedded solvers."""
    order = list(dict.fromkeys(row.set for row in rows.values()))
    solvers = ["auto", "ipm", "active_set", "pdhg"]

    def place(row: Row) -> tuple[int, int, str, int]:
        rank = -1 if row.solver == "auto" else 0 if row.is_direct else 1 + solvers.index(row.solver)
        return order.index(row.set), row.variables, row.file, rank

    return sorted(rows.values(), key=place)


def main(sets: Sets) -> None:
    """Do what is left of the tasks, keep the results, write the page."""
    options = arguments(sets)
    jax.config.update("jax_enable_x64", True)
    begin, done = time.perf_counter(), load(options.results)
    own, direct = (Worker(options.seconds + more) for more in (5 + options.compile_seconds, 5))
    for task, program in tasks(options, dict(done)):
        if time.perf_counter() - begin > options.slice:
            break
        found = (direct if task.is_direct else own).row(task)
        row = found if isinstance(found, Row) else ended(task, program.name, program.variables, program.rows, found)
        done[row.key] = replace(row)
        append(options.results, row)
        print(said(row), flush=True)
    own.close()
    direct.close()
    rows = _in_order(done)
    print(f"\n{summary(rows, options.seconds)}\n\n{failures(rows, options.seconds)}")
    if options.write:
        there = ", ".join(f"`{name}` {len(paths(name))}" for name in sets.sets)
        introduction = f"{sets.introduction}\n\nThe sets hold {there} programs; `of` is how many of them were run."
        text = document(
            rows,
            options.seconds,
            sets.title,
            introduction,
            f"python -m {sets.command} --write {options.write}",
            cores(),
        )
        options.write.parent.mkdir(parents=True, exist_ok=True)
        options.write.write_text(text)

"""``karush run``: solve a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import click
import jax

from karush.cli.compiling import compile_for_one_run
from karush.cli.exits import OF_STATUS
from karush.cli.options import Verb, solve_options
from karush.cli.session import tell
from karush.cli.solving import (
    Clock,
    Options,
    Watch,
    check_usage,
    deliver,
    interruptible,
    open_problem,
    prepare,
    warn,
    working,
)
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.outcome import Outcome
from karush.problem import Prepared
from karush.report import Times, limit_output, run_output
from karush.solvers.quadratic_driver import INTERIOR_POINT
from karush.solvers.result import Status
from karush.trouble import why_no_solution
from karush.warm import read_warm

SETTLED = {Status.SOLVED, Status.INFEASIBLE, Status.UNBOUNDED}


@click.command(cls=Verb, help="Solve a model; the result goes to stdout, or to OUT.")
@solve_options
def run(**given: Any) -> int:
    """Solve, report, and say how it ended by the exit code."""
    options = Options(**given)
    check_usage(options)
    clock = Clock(options.verbose)
    clock.start()
    problem, binding = open_problem(options)
    kind = problem.analysis.classification
    assert kind is not None
    at_limit = limit_output(kind, problem.model, binding, options.dtype)
    watch = Watch(options.timeout, lambda: deliver(at_limit, options))
    clock.lap("read the model and its data")
    prepared = prepare(problem, binding)
    compiled, outcome, times = settle(prepared, options, clock)
    output = run_output(compiled, kind, binding, outcome, times)
    watch.stop()
    status = output.record["status"]
    trouble = why_no_solution(problem.model, output)
    if trouble is not None:
        tell([trouble])
    elif status == Status.SOLVED_INACCURATE.word:
        warn("the solution is less accurate than asked for")
    deliver(output, options)
    return OF_STATUS[status]


def in_turn(compiled: Compiled) -> tuple[Compiled, ...]:
    """The programs to try, one after the other, until one settles the problem.

    One run needs no program that holds two solvers for the lanes of a batch: the second is compiled if it is needed.
    """
    if compiled.choice is None or not compiled.choice.fallback:
        return (compiled,)
    second = replace(compiled.settings, solver=INTERIOR_POINT.name)
    return replace(compiled, has_fallback=False), replace(compiled, settings=second)


def solve(compiled: Compiled, arrays: Mapping[str, Any], options: Options, clock: Clock) -> tuple[Outcome, Times]:
    """Compile and run, measuring both; evidence of the derivative is not asked for and not computed."""
    warm = read_warm(options.warm, compiled) if options.warm is not None else None
    if options.warm is not None and warm is None:
        warn(f"{options.warm} holds no solution to start from; starting cold")

    def function(params: dict[str, Any], start: Any) -> Outcome:
        return replace(compiled.function(params, start, differentiable=False), slacks={})

    with interruptible(), working("compiling and solving"):
        program = compile_for_one_run(jax.jit(function).lower(dict(arrays), warm), compiled.counts())
        compile_s = clock.lap("compiled")
        outcome: Outcome = jax.block_until_ready(program(dict(arrays), warm))
    return outcome, Times(compile_s, clock.lap("solved"))


def settle(prepared: Prepared, options: Options, clock: Clock) -> tuple[Compiled, Outcome, Times]:
    """The first answer that settles the problem (or the last one), with the program that gave it."""
    choice = prepared.compiled.choice
    if choice is not None:
        clock.say(f"solver {choice.name}: {choice.reason}")
        assembly = prepared.compiled.assembly
        clock.say(f"matrices {assembly.word}: {assembly.reason}")
    programs = in_turn(prepared.compiled)
    spent = 0.0
    for compiled in programs:
        outcome, times = solve(compiled, prepared.arrays, options, clock)
        if compiled is programs[-1] or int(outcome.status) in SETTLED:
            break
        spent += times.compile_s + times.solve_s
        clock.say("not settled by it: on to the next solver")
    return compiled, outcome, replace(times, compile_s=spent + times.compile_s)


COMMANDS = {"run": run}

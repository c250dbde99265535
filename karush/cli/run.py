"""``karush run``: solve a model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click
import jax

from karush.cli.exits import OF_STATUS
from karush.cli.options import Verb, solve_options
from karush.cli.solving import Clock, Options, Watch, check_usage, compiler_options, deliver, open_problem, warn
from karush.compiler.outcome import Outcome
from karush.problem import Prepared
from karush.report import Times, limit_output, run_output
from karush.warm import read_warm

SAID = {
    "solved_inaccurate": "the solution is less accurate than asked for",
    "infeasible": "infeasible: the rows in `conflict` cannot hold together",
    "unbounded": "unbounded: the objective falls without end along `certificate`",
    "limit": "stopped at the limit of iterations before it was solved",
    "failed": "the solver failed: a value is not a number, or the numbers are beyond its reach",
}


@click.command(cls=Verb, help="Solve a model; the result goes to stdout, or to OUT.")
@solve_options
def run(**given: Any) -> int:
    """Solve, report, and say how it ended by the exit code."""
    options = Options(**given)
    check_usage(options)
    clock = Clock(options.verbose)
    clock.start()
    problem, binding = open_problem(options)
    watch = Watch(options.timeout, lambda: deliver(limit_output(problem.model, options.dtype), options))
    clock.lap("read the model and its data")
    prepared = problem.bound(binding)
    outcome, times = solve(prepared, options, clock)
    kind = problem.analysis.classification
    assert kind is not None
    output = run_output(prepared.compiled, kind, binding, outcome, times)
    watch.stop()
    status = output.record["status"]
    if status in SAID:
        warn(SAID[status])
    deliver(output, options)
    return OF_STATUS[status]


def solve(prepared: Prepared, options: Options, clock: Clock) -> tuple[Outcome, Times]:
    """Compile and run, measuring both; evidence of the derivative is not asked for and not computed."""
    compiled = prepared.compiled
    if compiled.choice is not None:
        clock.say(f"solver {compiled.choice.name}: {compiled.choice.reason}")
    warm = read_warm(options.warm, compiled) if options.warm is not None else None
    if options.warm is not None and warm is None:
        warn(f"{options.warm} holds no solution to start from; starting cold")

    def function(params: dict[str, Any], start: Any) -> Outcome:
        return replace(compiled.function(params, start), derivative=None, slacks={})

    jitted = jax.jit(function, compiler_options=compiler_options(compiled.counts()))
    program = jitted.lower(dict(prepared.arrays), warm).compile()
    compile_s = clock.lap("compiled")
    outcome: Outcome = jax.block_until_ready(program(dict(prepared.arrays), warm))
    return outcome, Times(compile_s, clock.lap("solved"))


COMMANDS = {"run": run}

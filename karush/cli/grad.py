"""``karush grad``: differentiate an output of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import click
import jax
import numpy as np

from karush.cli.compiling import compile_for_one_run
from karush.cli.exits import OF_STATUS, UNDEFINED, WRONG
from karush.cli.options import Verb, later, solve_options
from karush.cli.session import Stop, tell, usage
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
from karush.cli.switching import CHOICES, choices_on_data, refuse_jumps
from karush.cli.way import MODES, Way, tie_entries, tie_labels, tie_lines, with_vertices
from karush.compiler.lowering.one_sided import has_cones
from karush.compiler.model import Model
from karush.data.given import Binding, Pattern
from karush.derivative import Differentiated, differentiated
from karush.dsl.diagnostics import Diagnostic, Label
from karush.jacobian import Jacobian
from karush.output import Output
from karush.outputs import DerivativeError, resolve
from karush.report import VERSION, active_rows, axes_of, host, status_word
from karush.solvers.result import Status
from karush.stdlib.primitive_names import TIE_WORDS
from karush.trouble import derivative_trouble, side_trouble

AGREES = 1e-4
"""Finite differences that agree less well than this, relatively, are warned of."""


@click.command(cls=Verb, help="Differentiate an output of a model in its params.")
@solve_options
@click.option("--of", "of", default="objective", show_default=True, help="The output: a var, let, objective, dual.cap.")
@click.option("--wrt", "wrt", help="The params, with commas (default: all real ones).")
@click.option("--mode", type=click.Choice(MODES), default="auto", help="Forward, reverse, Clarke, lexicographic.")
@click.option("--tie", metavar="RULE", help=f"The element at ties: {', '.join(TIE_WORDS)}, or NAME=RULE or NUMBER, ….")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the random direction of --mode clarke.")
@click.option("--side", type=click.Choice(["left", "right"]), help="The derivative from this side, at a kink too.")
@later("--linear", help="The linear solver, by name.")
@later("--optimality", help="Another optimality map.")
@click.option("--check", "check", is_flag=True, help="Compare with finite differences.")
@later("--certify", flag=True, help="Certify the derivative.")
@click.option("--explain", "explain", is_flag=True, help="Say on stderr how and why.")
def grad(*, of: str, wrt: str | None, check: bool, explain: bool, **given: Any) -> int:
    """Differentiate, report, and say how it ended by the exit code."""
    way = Way(*(given.pop(name) for name in ("mode", "side", "tie", "seed")))
    options = Options(**given)
    if options.warm is not None:
        raise usage("--warm starts `run`; a derivative is taken at the solution itself")
    way.check()
    check_usage(options)
    clock = Clock(options.verbose)
    clock.start()
    problem, binding = open_problem(options)
    problem = way.with_ties(problem)
    names = [name.strip() for name in wrt.split(",")] if wrt is not None else None
    check_request(problem.model, of, names)
    refuse_jumps(problem, of, names)
    at_limit = Output({"v": VERSION, "of": of, "value": None, "status": Status.LIMIT.word, "gradients": {}})
    watch = Watch(options.timeout, lambda: deliver(at_limit, options))
    prepared = prepare(problem, binding)
    function = differentiated(problem, prepared.compiled, of, names)
    arrays = dict(prepared.arrays)
    whole, mode, why = way.taken(function, arrays)
    found = differentiate(function, whole, arrays, clock)
    record = grad_record(of, mode, found, binding)
    if way.side is not None:
        record["side"] = way.side
    is_tied = record["derivative"]["status"] == "conservative" and not record["derivative"]["weakly_active"]
    entries = tie_entries(function, arrays) if explain or is_tied else []
    if explain:
        record["ties"] = entries
    if way.mode == "vertices":
        record = with_vertices(function, arrays, record)
    if check:
        record["check"] = way.differences(function, arrays, found)
        record["check"] |= choices_on_data(problem, function, arrays, found)
    output = Output(record, dict(axes_of(problem.model, binding)))
    watch.stop()
    for line in explanation(function, record, why) if explain else ():
        click.echo(line, err=True)
    code = conclude(function, record, tie_labels(function, entries))
    deliver(output, options)
    return code


def check_request(model: Model, of: str, wrt: Sequence[str] | None) -> None:
    """Unknown names are wrong usage, a param that is not real is E0704."""
    try:
        resolve(model, of, wrt)
    except DerivativeError as error:
        if error.code != "E0704":
            raise usage(error.message) from None
        name = next(n for n in wrt or () if n in model.params and f"`{n}`" in error.message)
        tell([Diagnostic(error.code, error.message, (Label(model.params[name].span, "in --wrt"),))])
        raise Stop(WRONG) from None


def differentiate(
    function: Differentiated, whole: Callable[..., Jacobian], arrays: dict[str, Any], clock: Clock
) -> Jacobian:
    """Compile and run ``whole``; DerivativeError is a part of a dual that does not exist."""
    try:
        jitted = jax.jit(whole)
        with interruptible(), working("compiling"):
            program = compile_for_one_run(jitted.lower(arrays), function.compiled.counts())
    except DerivativeError as error:
        raise usage(error.message) from None
    clock.lap("compiled")
    with interruptible():
        found: Jacobian = host(jax.block_until_ready(program(arrays)))
    clock.lap("solved and differentiated")
    return found


def grad_record(of: str, mode: str, found: Jacobian, binding: Binding) -> dict[str, Any]:
    """The JSON of a gradient."""
    status = Status(int(found.solved.outcome.status))
    usable = status in (Status.SOLVED, Status.SOLVED_INACCURATE)
    evidence = found.evidence
    plain = found.solved.solution is None and not found.solved.outcome.inner
    gradients = {
        name: on_pattern(np.asarray(array), binding.patterns.get(name)) for name, array in found.gradients.items()
    }
    return {
        "v": VERSION,
        "of": of,
        "value": found.value if usable else None,
        "status": status.word,
        "mode": mode,
        "gradients": gradients if usable else dict.fromkeys(gradients),
        "derivative": {
            "status": status_word(evidence.status),
            "method": "chain rule" if plain else "implicit",
            "residual": evidence["residual"],
            "condition": evidence["condition"],
            "error_bound": evidence["error_bound"],
            "active": active_rows(evidence["active"]),
            "weakly_active": active_rows(evidence["weakly_active"]),
        },
    }


def on_pattern(array: np.ndarray, pattern: Pattern | None) -> Any:
    """A gradient; in a param that was given sparse it is that in the stored entries, shown with their positions."""
    if pattern is None:
        return array
    return {"coo": [pattern.rows, pattern.cols, array], "shape": list(pattern.shape)}


def conclude(function: Differentiated, record: dict[str, Any], ties: tuple[Label, ...]) -> int:
    """The exit code, with a finding where there is something to be known."""
    model = function.problem.model
    code = OF_STATUS[record["status"]]
    if code:
        warn(f"{record['status']}: there is no derivative; `karush run` says more")
        return code
    trouble = derivative_trouble(model, record, ties)
    if "side" in record:
        trouble = side_trouble(model, record, has_cones(function.compiled))
    if trouble is not None:
        tell([trouble])
    for name, entry in record.get("check", {}).items() if trouble is None else ():
        if name != CHOICES and not entry["difference"] <= AGREES:
            warn(f"finite differences in {name} differ by {entry['difference']:.1e}, relatively")
    return UNDEFINED if record["derivative"]["status"] == "undefined" else code


def explanation(function: Differentiated, record: dict[str, Any], why: str) -> list[str]:
    """How the derivative was taken and how far it can be trusted, in words."""
    evidence = record["derivative"]
    lines = [f"mode {record['mode']}: {why}"]
    lines += tie_lines(record["ties"])
    if evidence["method"] != "implicit":
        return [*lines, "method chain rule: the file is a plain function"]
    if function.compiled.form is None:
        return [*lines, "method implicit at each inner problem, by the chain rule around them"]
    lines.append("method implicit: one linear system at the solution, with the active rows as equations")
    if "side" in record:
        lines.append("at a kink: a quadratic program over the directions that the tight rows allow")
    if record["of"] == "objective":
        lines.append("the objective by the envelope formula: no linear solve, right also where x is not unique")
    active = ", ".join(f"{name} {places or ''}".strip() for name, places in evidence["active"].items())
    weak = ", ".join(f"{name} {places or ''}".strip() for name, places in evidence["weakly_active"].items())
    lines.append(f"active rows: {active or 'none'}; weakly active: {weak or 'none'}")
    choice = function.compiled.choice
    if choice is not None:
        lines.append(f"solver {choice.name}: {choice.reason}")
        assembly = function.compiled.assembly
        lines.append(f"matrices {assembly.word}: {assembly.reason}")
    lines.append(
        f"residual {float(evidence['residual']):.1e}, condition {float(evidence['condition']):.3g}, "
        f"error bound {float(evidence['error_bound']):.1e}: {evidence['status']}"
    )
    return lines


COMMANDS = {"grad": grad}

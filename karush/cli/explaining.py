"""The work behind ``karush explain FILE --infeasible``: why a model has no solution for its data."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click
import jax
import numpy as np

from karush import __version__, infeasible, unbounded
from karush.cli.exits import DONE, OF_STATUS
from karush.cli.session import colours
from karush.cli.solving import Options, bind_data, interruptible, prepare, start_jax, working
from karush.compiler.analyse import Analysis
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.lowering.settings import settings_of
from karush.data.given import Binding
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.render import Format, render, to_record
from karush.dsl.sarif import to_sarif
from karush.output import plain
from karush.problem import Prepared, Problem
from karush.report import Times, run_output
from karush.solvers.conflicts.conditions import conditions_of
from karush.solvers.conflicts.gaps import with_gaps
from karush.solvers.conflicts.irreducible import common_point
from karush.solvers.conflicts.relaxation import elastic_weights
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import all_dense
from karush.solvers.result import Status
from karush.told import Teller
from karush.trouble import why_no_solution

NO_TIMES = Times(0.0, 0.0)


@dataclass(frozen=True)
class Answer:
    """What is told: the status of the model, the finding if there is one, and the explanation as JSON data."""

    status: str
    finding: Diagnostic | None
    record: Mapping[str, Any]


def explain_solution(analysis: Analysis, options: Options, style: str) -> int:
    """Tell why the model has no solution; exit code 3 then, 0 where it has one."""
    assert analysis.model is not None
    binding = bind_data(analysis, options)
    start_jax()
    problem = Problem(analysis, settings_of(analysis.model), options.dtype)
    prepared = prepare(problem, binding)
    with interruptible(), working("looking for what conflicts"):
        answer = explained(problem, prepared, binding)
    tell(answer, problem.model.name, style)
    return OF_STATUS.get(answer.status, DONE) if answer.finding is not None else DONE


def explained(problem: Problem, prepared: Prepared, binding: Binding) -> Answer:
    """The answer, from the cheapest question on: inner problems, the constraints alone, the whole model."""
    compiled = prepared.compiled
    teller = Teller(problem.model, binding)
    program = _program(prepared)
    found = None if program is None else _conflict(prepared, with_gaps(program), teller)
    if found is not None:
        return found
    outcome = prepared.run()
    status = Status(int(outcome.status))
    is_linear = program is not None and program.cone_rows is None
    if status is Status.UNBOUNDED and program is not None and is_linear and outcome.certificate is not None:
        ray = unbounded.explain_ray(compiled, conditions_of(program), program, np.asarray(outcome.certificate.x))
        return Answer(status.word, unbounded.diagnostic(ray, teller), unbounded.record(ray, teller))
    return Answer(status.word, _as_run(problem, prepared, binding, outcome), {})


def _program(prepared: Prepared) -> QuadraticProgram | None:
    """The program, where no inner problem stands behind it; else None."""
    compiled = prepared.compiled
    if compiled.form is None or compiled.steps:
        return None
    return all_dense(jax.jit(compiled.template)(dict(prepared.arrays)))


def _conflict(prepared: Prepared, program: QuadraticProgram, teller: Teller) -> Answer | None:
    """The conflict, where the constraints alone have no solution."""
    conditions = conditions_of(program)
    status, weights = common_point(program, conditions)
    if status <= Status.SOLVED_INACCURATE or status is Status.FAILED:
        return None
    if status is not Status.INFEASIBLE:
        weights = elastic_weights(conditions)
    if not np.any(weights):
        return None
    found = infeasible.explain_conflict(prepared.compiled, prepared.arrays, conditions, weights)
    return Answer(Status.INFEASIBLE.word, infeasible.diagnostic(found, teller), infeasible.record(found, teller))


def _as_run(problem: Problem, prepared: Prepared, binding: Binding, outcome: Outcome) -> Diagnostic | None:
    """What ``karush run`` says of a model without a solution, for inner problems and cones."""
    kind = problem.analysis.classification
    assert kind is not None
    return why_no_solution(problem.model, run_output(prepared.compiled, kind, binding, outcome, NO_TIMES))


def tell(answer: Answer, name: str, style: str) -> None:
    """The answer on stdout."""
    findings = [] if answer.finding is None else [answer.finding]
    if style == "json":
        record = {"v": 1, "model": name, "status": answer.status, **answer.record}
        record["diagnostics"] = [to_record(finding) for finding in findings]
        click.echo(json.dumps(plain(record), ensure_ascii=False, allow_nan=False))
    elif style == "sarif":
        click.echo(to_sarif(findings, __version__), nl=False)
    elif findings:
        form: Format = "concise" if style == "concise" else "full"
        click.echo(render(findings, form, colour=colours(sys.stdout)), nl=False)
    else:
        click.echo(f"{name}: {answer.status}: there is a solution, so nothing conflicts")

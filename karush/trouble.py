"""Findings at run time: what stands against a solution or a derivative, at the statements that it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from karush.compiler.dependence import roots_of
from karush.compiler.model import Model
from karush.compiler.nested import calls_below
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.dsl.source import Span
from karush.output import Axes, Output, index_words

INNER_WORDS = {
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "limit": "not solved within the limit of iterations",
    "failed": "not solved: its data are not numbers, or the solver failed",
}
EXPLAIN_CONFLICT = "karush explain FILE -d DATA --infeasible says which rows of these conflict, and what to relax"
EXPLAIN_RAY = "karush explain FILE -d DATA --infeasible says which entries move, and which bound would stop them"
NEGLIGIBLE = 1e-6
MOST_PLACES = 3


def problem_span(model: Model) -> Span:
    """Where the problem is stated: its objective, or the start of the file."""
    return (
        model.objective.span if model.objective is not None else Span(model.source, 0, min(1, len(model.source.text)))
    )


def derivative_span(model: Model) -> Span:
    """Where a derivative is doubtful without a row to blame: the problem, or the first inner one of a function file."""
    call = next(calls_below(*roots_of(model)), None)
    return problem_span(model) if model.objective is not None or call is None else call.span


def row_span(model: Model, name: str) -> Span | None:
    """The statement of a family of rows: a labelled constraint, the set of a var, or ``line 14``."""
    for constraint in model.constraints:
        if constraint.label == name or (constraint.label is None and name == f"line {constraint.span.line}"):
            return constraint.span
    var = model.vars.get(name)
    return None if var is None else var.span if var.set is None else var.set.span


def places(weights: Any, axes: Axes) -> str:
    """Where the weights of one family stand: ``at London``, if they are few and not all."""
    parts = weights.values() if isinstance(weights, Mapping) else [weights]
    arrays = [np.abs(np.asarray(part, float)) for part in parts if part is not None]
    if not arrays or arrays[0].ndim == 0:
        return ""
    total = np.sum(np.stack(arrays), axis=0) if len({a.shape for a in arrays}) == 1 else arrays[0]
    found = np.argwhere(total > NEGLIGIBLE * total.max(initial=0.0))
    if not len(found) or len(found) == total.size or len(found) > MOST_PLACES:
        return ""
    return "at " + ", ".join("[" + ", ".join(index_words(tuple(map(int, index)), axes)) + "]" for index in found)


def infeasible(model: Model, output: Output) -> Diagnostic:
    """R0701: the rows of a certificate, which contradict each other."""
    conflict = output.record["conflict"]
    weights = output.record["certificate"]["weights"]
    labels = []
    for name in conflict:
        span = row_span(model, name)
        if span is not None:
            labels.append(Label(span, places(weights.get(name), output.axes.get(f"duals.{name}", ()))))
    count = len(conflict)
    said = f"infeasible: no point satisfies {'these' if count > 1 else 'this'} {count} conditions together"
    return Diagnostic("R0701", said, tuple(labels) or (Label(problem_span(model)),), (("help", EXPLAIN_CONFLICT),))


def unbounded(model: Model, output: Output) -> Diagnostic:
    """R0702: the vars that move along the ray."""
    direction = output.record["certificate"]["direction"]
    size = max((float(np.max(np.abs(part), initial=0.0)) for part in direction.values()), default=0.0)
    moving = [name for name, part in direction.items() if np.max(np.abs(part), initial=0.0) > NEGLIGIBLE * size]
    said = f"improves without end as {', '.join(moving)} {'move' if len(moving) > 1 else 'moves'} along the certificate"
    fix = Fix("a bound or a constraint on them is missing, or the sense is turned round")
    return Diagnostic("R0702", "unbounded", (Label(problem_span(model), said),), (("help", EXPLAIN_RAY),), (fix,))


def unsolved(model: Model, output: Output) -> Diagnostic:
    """R0703 and R0704: stopped at a limit, or failed."""
    iterations, place = int(output.record["solver"]["iterations"]), (Label(problem_span(model)),)
    if output.record["status"] == "limit":
        fix = Fix("data scaled to similar sizes; --set max_iter=…; --set tol=…")
        return Diagnostic("R0703", f"stopped at a limit, after {iterations} iterations", place, fixes=(fix,))
    notes = (("help", "look for extreme values in the data"),)
    return Diagnostic("R0704", f"the solver failed, after {iterations} iterations", place, notes)


def inner_unsolved(model: Model, output: Output) -> Diagnostic:
    """R0705: an inner problem has no solution, so nothing that uses it has a value."""
    inner = output.record["inner"]
    first = inner[0]
    at = ", ".join(f"{name} = {value}" for name, value in first["at"].items())
    said = f"the inner problem `{first['model']}` is {INNER_WORDS[first['status']]}"
    more = f", and {len(inner) - 1} more" if len(inner) > 1 else ""
    calls = calls_below(*roots_of(model))
    span = next((c.span for c in calls if (c.model.name, c.span.line) == (first["model"], first["line"])), None)
    label = Label(span or problem_span(model), f"{f'at {at}' if at else 'here'}{more}")
    return Diagnostic("R0705", said, (label,), fixes=(Fix("look at this one alone: its data in a file of its own"),))


def why_no_solution(model: Model, output: Output) -> Diagnostic | None:
    """The finding of a status that is no solution."""
    if "inner" in output.record:
        return inner_unsolved(model, output)
    makers = {"infeasible": infeasible, "unbounded": unbounded, "limit": unsolved, "failed": unsolved}
    maker = makers.get(output.record["status"])
    return None if maker is None else maker(model, output)


ELEMENTS = {
    "clarke": "an element of the Clarke one",
    "ld": "the lexicographic one",
    "vertices": "each vertex of the Clarke one",
}
"""What is returned where a derivative is not unique; by default one element of the conservative one."""


def derivative_trouble(model: Model, record: Mapping[str, Any], ties: tuple[Label, ...] = ()) -> Diagnostic | None:
    """R0801 for an undefined derivative, R0802 (a warning) for a conservative one; None for a unique one.

    ``ties`` are the places of operations that stand at a tie.
    """
    derivative = record["derivative"]
    weak = [(name, rows, row_span(model, name)) for name, rows in derivative["weakly_active"].items()]
    labels = tuple(Label(span, f"{count(rows)} weakly active") for _, rows, span in weak if span is not None)
    if derivative["status"] == "undefined":
        message = f"the derivative of `{record['of']}` is undefined here: the solution does not determine it"
        fix = Fix("--of objective, whose derivative exists, or a small strongly convex term")
        return Diagnostic("R0801", message, labels or (Label(derivative_span(model)),), fixes=(fix,))
    if derivative["status"] == "conservative":
        what = ELEMENTS.get(record["mode"], "one element of the conservative one")
        message = f"`{record['of']}` has no unique derivative here; {what} is returned"
        place = labels or ties or (Label(derivative_span(model)),)
        return Diagnostic("R0802", message, place, severity=Severity.WARNING)
    return None


def side_trouble(model: Model, record: Mapping[str, Any], has_cones: bool) -> Diagnostic | None:
    """R0801 where there is no derivative from the side either; a kink is no trouble."""
    derivative = record["derivative"]
    if derivative["status"] != "undefined":
        return None
    found = derivative_trouble(model, record)
    if found is None or not has_cones or not derivative["weakly_active"]:
        return found
    message = "no one-sided derivative at this kink of a cone: the solution or a multiplier is not unique, or an edge"
    fix = Fix("without --side: one element of the conservative derivative; or params to one side of the kink")
    return replace(found, message=message, fixes=(fix,))


def count(rows: list[Any]) -> str:
    """``1 row``, ``4 rows``."""
    return "1 row" if len(rows) == 1 else f"{len(rows)} rows"

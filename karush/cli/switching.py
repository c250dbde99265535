"""What ``karush grad`` says of choices and jumps: refused where the derivative flows through one, compared on data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click
import numpy as np

from karush.cli.exits import WRONG
from karush.cli.session import Stop, tell
from karush.compiler.facts.differentiability import refused_derivatives
from karush.derivative import Differentiated
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.jacobian import Jacobian
from karush.outputs import resolve
from karush.problem import Problem
from karush.switches import Switched, entries, switched

MEETS = 1e-6
"""Branches that differ by more at a switch, relatively, are warned of; in single precision by 1e4 roundings."""

CHOICES = "if"
"""The key of choices among the findings of ``--check``: no param can have this name."""


def refuse_jumps(problem: Problem, of: str, wrt: Sequence[str] | None) -> None:
    """E0706 where the derivative that is asked for flows through a jump."""
    request = resolve(problem.model, of, wrt)
    refused = refused_derivatives(problem.model, problem.analysis.whole.facts, request.of, request.wrt)
    if refused:
        tell(refused)
        raise Stop(WRONG)


def choices_on_data(
    problem: Problem, function: Differentiated, arrays: Mapping[str, Any], found: Jacobian
) -> dict[str, Any]:
    """What is found of the choices whose branches are not proved to agree; it is told on stderr, too."""
    values = found.solved.outcome.values
    looked_at = switched(problem.analysis, function.compiled, function.request.of, arrays, values)
    allowed = max(MEETS, 1e4 * float(np.finfo(np.dtype(function.compiled.dtype)).eps))
    jumping = [finding(one) for one in looked_at if one.jump is not None and one.jump > allowed]
    if jumping:
        tell(jumping)
    for one in looked_at:
        if not one.met:
            click.echo(f"line {one.span.line}: no switch of `{one.span.text}` was met near these data", err=True)
    return {CHOICES: entries(looked_at)} if looked_at else {}


def finding(one: Switched) -> Diagnostic:
    """R0804."""
    assert one.branches is not None
    then, orelse = one.branches
    index = f" at {list(one.index)}" if one.index else ""
    label = Label(one.span, f"where it switches{index}, its branches are {then:.6g} and {orelse:.6g}")
    return Diagnostic(
        "R0804",
        "this choice jumps near these data: its derivative says nothing of that",
        (label,),
        fixes=(Fix("branches that agree where it switches, or a continuous form (`clip`, `max`, `min`, `sigmoid`)"),),
        severity=Severity.WARNING,
    )

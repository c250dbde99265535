"""``--solver NAME``: another solver than the one that the file asks for, or than the one of its class."""

from __future__ import annotations

from dataclasses import replace

from karush.cli.exits import WRONG
from karush.cli.options import not_available
from karush.cli.session import Stop, tell, usage
from karush.compiler.analyse import Analysis
from karush.compiler.messages import option_messages
from karush.compiler.resolving.options import SOLVERS
from karush.dsl.spelling import closest
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import AUTO
from karush.trouble import problem_span

BISECTION = "bisection"


def with_solver(settings: Settings, name: str | None, analysis: Analysis) -> Settings:
    """The settings with the solver of ``--solver``; one that does not fit the problem ends the verb.

    ``auto`` chooses by the problem. A limit of iterations in the file is that of the file's solver, and goes with it.
    Where a model is solved by way of another one, in logarithms or level by level, the solver is that of the other.
    """
    if name is None:
        return settings
    asked = analysis.whole.model.using
    if asked is not None and asked.name != name:
        settings = replace(settings, max_iterations=None)
    if name != AUTO and name not in SOLVERS:
        near = closest(name, SOLVERS)
        meant = f", did you mean {near}?" if near else ""
        names = ", ".join((AUTO, *SOLVERS))
        raise usage(f"--solver {name}: unknown solver (E0605){meant} (the solvers are: {names})")
    part = analysis.whole
    problem_class = part.solved.classification.problem_class
    if problem_class == "FUNCTION" or name == AUTO:
        return replace(settings, solver=AUTO)
    if name == BISECTION:
        if part.family is not None:
            return replace(settings, solver=AUTO)
        tell([option_messages.bisection_by_flag(problem_span(part.model))])
        raise Stop(WRONG)
    if problem_class not in SOLVERS[name].classes:
        fitting = [other for other, family in SOLVERS.items() if problem_class in family.classes and family.available]
        tell([option_messages.unfit_flag(problem_span(part.model), name, problem_class, fitting)])
        raise Stop(WRONG)
    if not SOLVERS[name].available:
        raise not_available(f"--solver {name}")
    return replace(settings, solver=name)

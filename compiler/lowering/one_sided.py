"""A compiled model whose derivatives along a tangent are one-sided, those of the problems within it too."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.levels import QuasiconvexCompiled
from karush.compiler.lowering.steps import Step


def one_sided(compiled: Compiled) -> Compiled:
    """The same model, for ``jax.jvp`` alone (solvers/one_sided.py): elsewhere the rule is not the derivative.

    Raises TypeError for a problem that is solved by bisection: there the derivative is that of a root.
    """
    if isinstance(compiled, QuasiconvexCompiled):
        raise TypeError("one-sided derivatives are not available for a problem that is solved by bisection")
    steps = tuple(Step(step.solve, one_sided(cast(Compiled, step.inner))) for step in compiled.steps)
    return replace(compiled, settings=replace(compiled.settings, one_sided=True), steps=steps)


def has_cones(compiled: Compiled) -> bool:
    """Whether the problem, or one within it, has rows in cones."""
    own = compiled.form is not None and compiled.problem.has_cones
    return own or any(has_cones(cast(Compiled, step.inner)) for step in compiled.steps)

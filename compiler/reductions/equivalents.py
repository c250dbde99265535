"""Expressions written in the other way from which their curvature was read (facts/equivalents.py), for graph forms."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.facts.fact import Facts
from karush.compiler.model import Expr, Model
from karush.compiler.rewrite import Rewriter


def in_other_ways(model: Model, facts: Facts) -> Model:
    """The model with objective and constraints so written; the same one where there is nothing to write anew."""
    if not facts.equivalents:
        return model

    def replacement(node: Expr) -> Expr | None:
        other = facts.equivalents.get(node)
        return None if other is None else rewriter.expression(other)

    rewriter = Rewriter(replacement)
    objective = model.objective
    if objective is not None:
        objective = replace(objective, value=rewriter.expression(objective.value))
    return replace(model, objective=objective, constraints=tuple(map(rewriter.constraint, model.constraints)))

"""A model with what is known of it: facts, class, and the problem that is solved in the stead of a geometric one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

from karush.compiler.facts.classify import Classification, classify
from karush.compiler.facts.convexity import offenders
from karush.compiler.facts.fact import Facts
from karush.compiler.facts.infer import derive_facts
from karush.compiler.facts.loglog import asks_for_logarithms
from karush.compiler.facts.quasiconvex import Levels, asks_for_bisection, levels_of
from karush.compiler.library import Library
from karush.compiler.messages import loglog_messages
from karush.compiler.model import Model
from karush.compiler.reductions.loglog import in_logarithms
from karush.compiler.reductions.values import value_of
from karush.dsl.diagnostics import Diagnostic, Severity


@dataclass(frozen=True, eq=False)
class Part:
    """A model within the file's, with what is known of it; ``library`` is the one that it was resolved with.

    ``logarithms`` is the problem in the logarithms of the unknowns, where the model is solved so; ``family`` the convex
    problem at a level, with ``levels``, where it is solved by bisection.
    """

    model: Model
    facts: Facts
    classification: Classification
    library: Library
    logarithms: Part | None = None
    family: Part | None = None
    levels: Levels | None = None

    @property
    def solved(self) -> Part:
        """The convex problem whose solution gives the model's."""
        return self.logarithms or self.family or self


def part_of(model: Model, library: Library) -> Part:
    """What is known of a model."""
    facts = derive_facts(model, library, partial(value_of, library))
    if asks_for_logarithms(model) and model.objective is not None:
        return _geometric(model, facts, library)
    if asks_for_bisection(model) and (levels := levels_of(model, facts, library)) is not None:
        family = part_of(levels.model, library)
        if family.classification.convex:
            return Part(model, facts, _quasiconvex(family.classification), library, family=family, levels=levels)
    return Part(model, facts, classify(model, facts, library), library)


def _quasiconvex(inside: Classification) -> Classification:
    """A program of class NLP whose problem at a level is of this class."""
    reasons = (f"quasiconvex: at each level of the quotient it is a convex problem of class {inside.problem_class}",)
    errors = tuple(d for d in inside.diagnostics if d.severity is Severity.ERROR)
    return Classification("NLP", False, (*reasons, *inside.reasons), inside.graph_atoms, errors)


def _geometric(model: Model, facts: Facts, library: Library) -> Part:
    """A model that asks for `curvature = loglog`: of class GP, convex where it is so in logarithms."""
    written = in_logarithms(model, facts, library)
    if written.diagnostics:
        found = Classification("GP", False, (), (), written.diagnostics)
        return Part(model, facts, found, library)
    inside = part_of(replace(written.model, using=None), library)
    wrong = tuple(_bends(inside))
    kind = inside.classification
    errors = tuple(d for d in kind.diagnostics if d.severity is Severity.ERROR)
    reasons = ("log-log convex: convex in the logarithms of the unknowns", *kind.reasons)
    found = Classification("GP", not wrong, () if wrong else reasons, kind.graph_atoms, wrong or errors)
    return Part(model, facts, found, library, inside)


def _bends(inside: Part) -> Iterator[Diagnostic]:
    for part in offenders(inside.model, inside.facts):
        yield loglog_messages.wrong_curvature(part.expr, part.curvature, part.rule)

"""Lowering: a typed model with its facts to a compiled one, by way of a reduced model and its template.

Model ──extract_calls──▶ no models within ──in_logarithms, in_other_ways──▶ graph forms at hand ──reduce_sets──▶ rows
      ──replace_graph_atoms──▶ affine rows, quadratic objective ──Template──▶ Compiled
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from karush.compiler.dependence import Dependence
from karush.compiler.facts.strong_convexity import is_strongly_convex
from karush.compiler.library import Library
from karush.compiler.lowering.atom_values import NO_TIES, atoms_of
from karush.compiler.lowering.compiled import Compiled, Extent
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.infinities import bounding_params
from karush.compiler.lowering.knowledge import Knowledge
from karush.compiler.lowering.levels import QuasiconvexCompiled
from karush.compiler.lowering.logarithms import GeometricCompiled
from karush.compiler.lowering.settings import settings_of
from karush.compiler.lowering.standardise import Template
from karush.compiler.lowering.steps import Step
from karush.compiler.model import Model
from karush.compiler.part import Part, part_of
from karush.compiler.reductions.calls import Extraction, Solve, extract_calls
from karush.compiler.reductions.degrees import Degrees
from karush.compiler.reductions.entries import entry
from karush.compiler.reductions.equivalents import in_other_ways
from karush.compiler.reductions.graph_form import replace_graph_atoms
from karush.compiler.reductions.sets import reduce_sets
from karush.compiler.reductions.symmetry import Symmetry
from karush.solvers.protocol import Settings
from karush.stdlib.lattice import Smoothness
from karush.stdlib.primitives.ties import Ties

__all__ = ["Compiled", "lower"]


def lower(
    part: Part,
    parts: Mapping[Model, Part],
    dims: Mapping[str, Any],
    settings: Settings,
    dtype: Any,
    ties: Ties = NO_TIES,
) -> Compiled:
    """The compiled form of a model of class LP, QP or FUNCTION, for these sizes, settings and precision.

    ``parts`` are the models within it; each call of one is compiled for its own sizes and settings. ``dims`` maps every
    dim to its size, a number or a symbolic dimension of ``jax.export``. ``ties`` are elements of derivatives at ties
    and stand over those of the file. The caller keeps what this returns: every call makes a new function.
    """
    extraction = extract_calls(part.model)
    if extraction.solves:
        part = _known_again(extraction, part.library)
    evaluator = Evaluator(atoms_of(part.library, ties.over(part.model.rules)), checkpointed=_is_checkpointed(part))
    dependence = Dependence()
    written = reduce_sets(extraction.model)
    bounding = bounding_params(extraction.model)
    form, strongly_convex = None, None
    if part.classification.problem_class != "FUNCTION":
        solved = _in_other_ways(part.solved)
        rows = reduce_sets(solved.model)
        reduced = replace_graph_atoms(rows, solved.classification, solved.facts, part.library, dependence)
        known = frozenset(expr for expr, fact in solved.facts.items() if fact.is_affine)
        knowledge = Knowledge(
            affine=known.__contains__,
            quadratic=Degrees(solved.facts, part.library, dependence).is_quadratic,
            symmetric=Symmetry(reduced.model, solved.facts).holds,
            entry=partial(entry, library=part.library),
        )
        inputs = {**extraction.model.params, **extraction.solved}
        form = Template(reduced.model, dims, dtype, evaluator, dependence, reduced.owners, bounding, knowledge, inputs)
        strongly_convex = is_strongly_convex(reduced.model, solved.facts, dependence)
    steps = tuple(Step(solve, _inner(solve, parts, dims, dtype, ties)) for solve in extraction.solves)
    common = (written.model, dims, dtype, settings, evaluator, dependence, bounding, form, strongly_convex, steps)
    return replace(_compiled(part, common), kinked=_kinked(part))


def _compiled(part: Part, common: tuple[Any, ...]) -> Compiled:
    """The kind of compiled model that the way to its solution asks for."""
    if part.logarithms is not None:
        return GeometricCompiled(*common, logarithms=reduce_sets(part.logarithms.model).model)
    return Compiled(*common) if part.levels is None else QuasiconvexCompiled(*common, levels=part.levels)


def _kinked(part: Part) -> frozenset[Extent]:
    """Where the text is less smooth than C¹."""
    kinks = (node.span for node, rough in part.facts.rough.items() if rough.smoothness > Smoothness.ONCE)
    return frozenset((span.start, span.end) for span in kinks)


def _is_checkpointed(part: Part) -> bool:
    """Whether a function file asks for its clauses in blocks: ``derivative unroll(checkpoint = sqrt)``."""
    method = part.model.derivative
    is_function = part.classification.problem_class == "FUNCTION"
    return is_function and method is not None and method.options.get("checkpoint") == "sqrt"


def _known_again(extraction: Extraction, library: Library) -> Part:
    """The facts and the class of a model whose calls were taken out: the same, about the nodes that are there now."""
    return part_of(replace(extraction.model, params={**extraction.model.params, **extraction.solved}), library)


def _in_other_ways(part: Part) -> Part:
    """The model with graph forms where it was written without; see facts/equivalents.py."""
    model = in_other_ways(part.model, part.facts)
    return part if model is part.model else part_of(model, part.library)


def _inner(solve: Solve, parts: Mapping[Model, Part], dims: Mapping[str, Any], dtype: Any, ties: Ties) -> Compiled:
    """The model that a call solves, for the sizes of that call."""
    call = solve.call
    own = {name: size.evaluate(dims) for name, size in call.sizes.items()}
    return lower(parts[call.model], parts, {**dims, **own}, settings_of(call.model), dtype, ties)

"""Lowering: a typed model with its facts to a compiled one, by way of a reduced model and its template.

Model ──reduce_sets──▶ rows ──replace_graph_atoms──▶ affine rows, quadratic objective ──Template──▶ Compiled
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karush.compiler.dependence import Dependence
from karush.compiler.facts.classify import Classification
from karush.compiler.facts.fact import Facts
from karush.compiler.facts.strong_convexity import is_strongly_convex
from karush.compiler.library import Library
from karush.compiler.lowering.atom_values import atoms_of
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.infinities import bounding_params
from karush.compiler.lowering.standardise import Template
from karush.compiler.model import Model
from karush.compiler.reductions.graph_form import replace_graph_atoms
from karush.compiler.reductions.sets import reduce_sets
from karush.solvers.protocol import Settings

__all__ = ["Compiled", "lower"]


def lower(
    model: Model,
    facts: Facts,
    classification: Classification,
    dims: Mapping[str, Any],
    settings: Settings,
    dtype: Any,
    library: Library,
) -> Compiled:
    """The compiled form of a model of class LP, QP or FUNCTION, for these sizes, settings and precision.

    ``dims`` maps every dim to its size, a number or a symbolic dimension of ``jax.export``. ``library`` is the one
    that the model was resolved with. The caller keeps what this returns: every call makes a new function.
    """
    evaluator = Evaluator(atoms_of(library, model.rules))
    dependence = Dependence()
    written = reduce_sets(model)
    bounding = bounding_params(model)
    form, strongly_convex = None, None
    if classification.problem_class != "FUNCTION":
        reduced = replace_graph_atoms(written, classification.graph_atoms, library, dependence)
        known = frozenset(expr for expr, fact in facts.items() if fact.is_affine)
        form = Template(reduced.model, dims, dtype, evaluator, dependence, reduced.owners, bounding, known.__contains__)
        strongly_convex = is_strongly_convex(reduced.model, facts, dependence)
    return Compiled(written.model, dims, dtype, settings, evaluator, dependence, bounding, form, strongly_convex)

"""The proximal map of an application at arrays: an expression of the language, or one of solvers/proximal."""

from __future__ import annotations

from jax import Array

from karush.compiler.library import Library
from karush.compiler.lowering.evaluate import Evaluator
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Apply, Expr
from karush.compiler.reductions.proximal import expand_prox
from karush.dsl import ast
from karush.solvers.proximal import PROXIMAL


def proximal_point(evaluator: Evaluator, node: Apply, step: Expr, scope: Scope, library: Library) -> Array | None:
    """The proximal point at the arguments of an application; None where its atom states no map."""
    atom = library.atom(node.atom)
    if atom is None or atom.prox is None:
        return None
    value = atom.prox[1]
    if isinstance(value, ast.String):
        return PROXIMAL[value.value](*(evaluator.array(e, scope) for e in (*node.arguments, step)))
    point = expand_prox(atom, node.arguments, step, library)
    return None if point is None else evaluator.array(point, scope)

"""Proximal maps of atoms, as their declarations state them.

    prox_{step f}(v) = the x that minimises step f(x) + ‖x - v‖²/2

for a convex f, in the argument that the atom's first curvature clause names first, all others constant. Of a concave
atom it is the map of its negative, which is the one that can be minimised.
"""

from __future__ import annotations

from karush.compiler.library import Library
from karush.compiler.model import Expr
from karush.compiler.names.symbols import Poison, ValueSymbol
from karush.compiler.reductions.graph import GraphError, bound_context
from karush.dsl import ast
from karush.stdlib.atom import Atom


def expand_prox(atom: Atom, arguments: tuple[Expr, ...], step: Expr, library: Library) -> Expr | None:
    """The proximal map of ``atom(arguments)``, of the shape of the argument it is taken in.

    None where the declaration states no map, or names one of the solvers' (solvers/proximal).
    """
    if atom.prox is None or isinstance(atom.prox[1], ast.String):
        return None
    name, value = atom.prox
    context = bound_context(library, atom, arguments)
    context.scope.names[name] = ValueSymbol(name, None, "argument", step)
    point = context.expression(value)
    if isinstance(point, Poison) or context.session.findings:
        raise GraphError(atom.name, context.session.findings)
    return point

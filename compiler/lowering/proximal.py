"""Proximal maps of atoms, as their declarations state them.

    prox_{step f}(v) = the x that minimises step f(x) + ‖x - v‖²/2

for a convex f, in the argument that the atom's first curvature clause names first, all others constant. Of a concave
atom it is the map of its negative, which is the one that can be minimised.
"""

from __future__ import annotations

from karush.compiler.library import Library
from karush.compiler.lowering.atom_values import AtomValueError
from karush.compiler.model import Apply, Expr
from karush.compiler.names.symbols import ValueSymbol
from karush.compiler.reductions.graph import bound_context


def expand_prox(library: Library, node: Apply, step: Expr) -> Expr | None:
    """The proximal map at the arguments of an application, of the shape of the argument it is taken in.

    None where the declaration states no map.
    """
    atom = library.atom(node.atom)
    if atom is None or atom.prox is None:
        return None
    name, value = atom.prox
    context = bound_context(library, atom, node.arguments)
    context.scope.names[name] = ValueSymbol(name, None, "argument", step)
    point = context.expression(value)
    if context.session.findings:
        raise AtomValueError(f"{atom.name}: {[finding.message for finding in context.session.findings]}")
    return point

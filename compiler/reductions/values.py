"""The value of an atom that is no primitive: what stands in its declaration, at the arguments of an application."""

from __future__ import annotations

from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr
from karush.compiler.reductions.graph import bound_context


def value_of(library: Library, node: Apply) -> Expr | None:
    """The expression that the declaration gives as the value; None where there is none, or not for these arguments."""
    atom = library.atom(node.atom)
    if atom is None or atom.value is None:
        return None
    context = bound_context(library, atom, node.arguments)
    value = context.expression(atom.value)
    return None if context.session.findings else value

"""How the atoms of a library are computed: primitives by name, other values as expressions in their arguments."""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.library import Library
from karush.compiler.lowering.evaluate import Atoms, Implementation
from karush.compiler.model import Apply, Expr
from karush.compiler.reductions.graph import bound_context
from karush.stdlib.primitives.table import primitive


class AtomValueError(Exception):
    """An atom whose declaration gives no value for these arguments: an internal error."""


def atoms_of(library: Library, ties: Mapping[str, float] | None = None) -> Atoms:
    """The atoms of a library, each expansion made once for a node.

    ``ties`` maps an atom to the element of its derivative at a tie, as ``derivative rule(relu = 0.5)`` states it.
    """
    kept: dict[Apply, Expr] = {}

    def expand(node: Apply) -> Expr:
        if node not in kept:
            kept[node] = expand_value(library, node)
        return kept[node]

    def implementation(name: str) -> Implementation | None:
        atom = library.atom(name)
        if atom is None:
            raise AtomValueError(name)
        return None if atom.primitive is None else primitive(atom.primitive)

    tied = {}
    for name, tie in (ties or {}).items():
        atom = library.atom(name)
        if atom is None or atom.primitive is None:
            raise AtomValueError(name)
        tied[name] = primitive(atom.primitive, tie)
    return Atoms(implementation, expand, tied)


def expand_value(library: Library, node: Apply) -> Expr:
    """The expression that the declaration of an atom gives as the value of an application."""
    atom = library.atom(node.atom)
    if atom is None or atom.value is None:
        raise AtomValueError(node.atom)
    context = bound_context(library, atom, node.arguments)
    value = context.expression(atom.value)
    findings = context.session.findings
    if findings:
        raise AtomValueError(f"{node.atom}: {[finding.message for finding in findings]}")
    return value

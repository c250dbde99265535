"""How the atoms of a library are computed: primitives by name, other values as expressions in their arguments."""

from __future__ import annotations

from karush.compiler.arguments import bind_sizes, bound_scope
from karush.compiler.atoms import callee_of
from karush.compiler.context import Block, Context, Session
from karush.compiler.evaluate import Atoms, Implementation
from karush.compiler.expressions import resolve_expression
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr
from karush.compiler.records import resolve_record
from karush.compiler.symbols import Scope
from karush.stdlib.primitives.table import PRIMITIVES


class AtomValueError(Exception):
    """An atom whose declaration gives no value for these arguments: an internal error."""


def atoms_of(library: Library) -> Atoms:
    """The atoms of a library, each expansion made once for a node."""
    kept: dict[Apply, Expr] = {}

    def expand(node: Apply) -> Expr:
        if node not in kept:
            kept[node] = expand_value(library, node)
        return kept[node]

    def primitive(name: str) -> Implementation | None:
        atom = library.atom(name)
        if atom is None:
            raise AtomValueError(name)
        return None if atom.primitive is None else PRIMITIVES[atom.primitive]

    return Atoms(primitive, expand)


def expand_value(library: Library, node: Apply) -> Expr:
    """The expression that the declaration of an atom gives as the value of an application."""
    atom = library.atom(node.atom)
    if atom is None or atom.value is None:
        raise AtomValueError(node.atom)
    session = Session(library, resolve_expression, resolve_record)
    context = Context(session, Scope(None, kind="library"), Block())
    callee = callee_of(atom)
    values = dict(zip((p.name for p in atom.params), node.arguments, strict=True))
    sizes = bind_sizes(context, atom.declaration, callee, values)
    if sizes is None:
        raise AtomValueError(node.atom)
    value = context.within(bound_scope(callee, values, sizes)).expression(atom.value)
    if session.findings:
        raise AtomValueError(f"{node.atom}: {[finding.message for finding in session.findings]}")
    return value

"""How the atoms of a library are computed: primitives by name, other values as expressions in their arguments."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache

from karush.compiler.library import Library
from karush.compiler.lowering.atom_rules import RuledAtom
from karush.compiler.lowering.evaluate import Atoms, Implementation
from karush.compiler.model import Apply, Expr, ParamValue
from karush.compiler.reductions.graph import bound_context
from karush.compiler.reductions.values import value_of
from karush.compiler.resolving.atoms import takes_entries
from karush.stdlib.atom import Atom
from karush.stdlib.primitives.rule import Rule
from karush.stdlib.primitives.table import RULES, primitive
from karush.stdlib.primitives.ties import Ties

NO_TIES = Ties()
"""Least norm everywhere."""


class AtomValueError(Exception):
    """An atom whose declaration gives no value for these arguments: an internal error."""


def atoms_of(library: Library, ties: Ties = NO_TIES) -> Atoms:
    """The atoms of a library, each expansion made once for a node, with these elements at ties."""
    kept: dict[Apply, Expr] = {}

    def expand(node: Apply) -> Expr:
        if node not in kept:
            kept[node] = expand_value(library, node)
        return kept[node]

    @cache
    def implementation(name: str) -> Implementation | None:
        atom = library.atom(name)
        if atom is None:
            raise AtomValueError(name)
        return None if atom.primitive is None else primitive(atom.primitive, ties.of(name))

    @cache
    def rule(name: str) -> Rule | None:
        atom = library.atom(name)
        return None if atom is None or atom.primitive is None else RULES.get(atom.primitive)

    return Atoms(implementation, expand, ties, rule, rules_of(library))


def rules_of(library: Library) -> Callable[[Apply], RuledAtom | None]:
    """For an application of an atom of the file: its value and rules, None where it states no rule."""
    ruled: dict[Apply, RuledAtom | None] = {}

    def with_rules(node: Apply) -> RuledAtom | None:
        atom = library.atoms.get(node.atom)
        if atom is None or not atom.rules:
            return None
        if node not in ruled:
            ruled[node] = expanded = expand_rules(library, atom, node)
            if isinstance(expanded.value, Apply) and atom.primitive is not None:
                ruled[expanded.value] = None  # the primitive itself
        return ruled[node]

    return with_rules


def expand_rules(library: Library, atom: Atom, node: Apply) -> RuledAtom:
    """The value and the rules of an atom of the file, at leaves of the shapes that the arguments have."""
    leaves = tuple(
        ParamValue(f"argument {p.name}", shape=a.shape, kind=a.kind, span=a.span)
        for p, a in zip(atom.params, node.arguments, strict=True)
    )
    context = bound_context(library, atom, leaves)
    slopes = tuple(context.expression(atom.rules[p.name]) if p.name in atom.rules else None for p in atom.params)
    value = replace(node, arguments=leaves) if atom.value is None else context.expression(atom.value)
    if context.session.findings:
        raise AtomValueError(f"{atom.name}: {[finding.message for finding in context.session.findings]}")
    return RuledAtom(leaves, value, slopes, takes_entries(atom))


def expand_value(library: Library, node: Apply) -> Expr:
    """The expression that the declaration of an atom gives as the value of an application."""
    value = value_of(library, node)
    if value is None:
        raise AtomValueError(node.atom)
    return value

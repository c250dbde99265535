"""Whether the value of an atom without sizes goes entry by entry, as its header says."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.dependence import children, walk
from karush.compiler.library import Library
from karush.compiler.messages import atom_messages
from karush.compiler.model import Apply, Expr, Kind, ParamValue, Subscript
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison, Scope, ValueSymbol
from karush.compiler.resolving.arguments import index_size
from karush.compiler.resolving.atoms import takes_entries
from karush.compiler.resolving.dimensions import find_size
from karush.compiler.resolving.operators import is_number
from karush.dsl import ast
from karush.dsl.source import Span
from karush.stdlib.shape import Size

ENTRY = Size.of("?entries")
"""The length of the array that stands for each argument; no dim of a file is called so."""

_ELEMENTWISE = """
    add subtract multiply divide power negate equal not_equal less less_equal greater greater_equal and or not if
    maximum minimum"""

ELEMENTWISE = frozenset(_ELEMENTWISE.split())
"""Operators of the language that go entry by entry."""


def check_elementwise(context: Context, atom: ast.AtomDeclaration, value: ast.Expr) -> None:
    """E0310 where an expression in the arguments of an atom, tried with arrays, meets more than their entries."""
    scratch = replace(context.session, findings=[], reported=set(), index_sizes=dict(context.session.index_sizes))
    scope = Scope(context.scope, kind="fn", hides=frozenset({"var", "let", "param"}))
    inside = replace(context, session=scratch, scope=scope)
    for item in atom.header:
        _declare_sample(inside, item)
    found = inside.expression(value)
    if not isinstance(found, Poison) and is_number(inside, found):
        culprit = mixing_node(found, context.session.library)
        if culprit is not None:
            context.report(atom_messages.not_elementwise(culprit, atom))
    for finding in scratch.findings:
        if finding.code in ("E0306", "E0308"):
            context.report(finding)
        elif finding.code.startswith("E03"):
            place = finding.labels[0].span
            inside_value = value.span.start <= place.start and place.end <= value.span.end
            context.report(atom_messages.not_elementwise(place if inside_value else value.span, atom))


def _declare_sample(inside: Context, item: ast.Declaration) -> None:
    """An array that stands for an argument."""
    declared = index_size(item)
    kind = Kind.REAL if declared is None else Kind.INTEGER
    sample = ParamValue(item.name, shape=(ENTRY,), kind=kind, span=item.name_span)
    size = find_size(inside, declared) if declared is not None else None
    if size is not None:
        inside.session.index_sizes[sample] = size
    inside.scope.names[item.name] = ValueSymbol(item.name, item.span, "argument", sample)


def mixing_node(value: Expr, library: Library) -> Span | None:
    """The place of the first operation that meets an array of samples as more than its entries."""
    for node in walk(value):
        below = [child for child in children(node) if ENTRY in child.shape]
        if below and not _keeps_entries(node, below, library):
            return node.span
    return value.span if value.shape not in ((), (ENTRY,)) else None


def _keeps_entries(node: Expr, below: list[Expr], library: Library) -> bool:
    if node.shape != (ENTRY,) or any(child.shape != (ENTRY,) for child in below):
        return False
    if isinstance(node, Subscript):
        return node.value.shape != (ENTRY,)
    if isinstance(node, Apply) and node.atom not in ELEMENTWISE:
        atom = library.atom(node.atom)
        return atom is not None and takes_entries(atom)
    return True

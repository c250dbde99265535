"""Atoms and sets that a file declares."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.library import load_library
from karush.compiler.messages import atom_messages, name_messages
from karush.compiler.model import Expr, ParamValue
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import (
    AtomSymbol,
    DimSymbol,
    PoisonSymbol,
    Scope,
    SetSymbol,
    ValueSymbol,
)
from karush.compiler.resolving.atoms import takes_entries
from karush.compiler.resolving.declared_sets import HIDDEN_IN_SET, check_condition
from karush.compiler.resolving.dimensions import find_shape, header_sizes
from karush.compiler.resolving.draft import Draft
from karush.compiler.resolving.elementwise import check_elementwise
from karush.compiler.resolving.sets import check_set_name
from karush.compiler.resolving.statements import check_header
from karush.dsl import ast
from karush.dsl.diagnostics import Severity
from karush.stdlib.primitive_names import PRIMITIVE_NAMES
from karush.stdlib.shape import Size


def atom_declaration(draft: Draft, node: ast.AtomDeclaration) -> None:
    """``atom name(header) { clauses }``: the library made for the file knows it already."""
    context = draft.context
    errors = len(context.session.findings)
    check_header(context, node.header)
    header = {item.name for item in node.header}
    for clause in node.clauses:
        for name in _clause_names(clause):
            if name not in header:
                context.report(name_messages.not_in_header(clause, name, node))
        if isinstance(clause, ast.AtomValue) and clause.primitive is not None:
            _primitive(context, clause, clause.primitive, node)
        _sets(context, clause)
    inside = _inside(context, node.header)
    atom = context.session.library.atom(node.name)
    for clause in node.clauses:
        if isinstance(clause, (ast.AtomValue, ast.AtomRule)) and clause.value is not None:
            _names_only(context, inside, clause.value)
            if atom is not None and takes_entries(atom):
                check_elementwise(context, node, clause.value)
    # an atom is known from here on: it cannot call itself
    if any(f.severity is Severity.ERROR for f in context.session.findings[errors:]):
        draft.poison(node.name, node.name_span)
    else:
        draft.declare(AtomSymbol(node.name, node.name_span), node.name_span)


def _primitive(context: Context, clause: ast.AtomValue, name: str, node: ast.AtomDeclaration) -> None:
    """The primitive is one of the package, and takes as many arguments as the atom has."""
    if name not in PRIMITIVE_NAMES:
        context.report(name_messages.unknown_primitive(clause, name))
        return
    standard = load_library()
    known = [atom for n in standard.atom_names() if (atom := standard.atom(n)) is not None and atom.primitive == name]
    if not any(atom.required <= len(node.header) <= len(atom.params) for atom in known):
        context.report(name_messages.primitive_arity(clause, name, node, len(known[0].params)))


def _sets(context: Context, clause: ast.Statement) -> None:
    """The sets of a range and of ``nondecreasing in x for x in nonneg``, which speaks of its own names."""
    if isinstance(clause, ast.AtomRange):
        check_set_name(context, clause.set)
    if not isinstance(clause, ast.AtomMonotonicity) or clause.clause is None:
        return
    if clause.clause.condition is not None:
        context.report(atom_messages.filtered_monotonicity(clause.clause.condition))
    for binder in clause.clause.binders:
        if binder.name not in clause.names or binder.domain is None:
            context.report(atom_messages.monotonicity_elsewhere(binder, clause))
        else:
            check_set_name(context, binder.domain)


def _clause_names(clause: ast.Statement) -> tuple[str, ...]:
    match clause:
        case ast.AtomCurvature() | ast.AtomMonotonicity():
            return clause.names
        case ast.AtomRule():
            return (clause.name,)
    return ()


def set_declaration(draft: Draft, node: ast.SetDeclaration) -> None:
    """``set halfspace(a[n], b) = {x[n] : a @ x <= b}``."""
    check_header(draft.context, (*node.header, node.element))
    if not check_condition(draft.context, node):
        draft.poison(node.name, node.name_span)
    elif draft.declare(SetSymbol(node.name, node.name_span, node), node.name_span):
        _names_only(draft.context, _inside(draft.context, (*node.header, node.element)), node.condition)


def _inside(context: Context, header: tuple[ast.Declaration, ...]) -> Scope:
    """A scope in which header names stand for values of their declared shapes."""
    scope = Scope(context.scope, kind="fn", hides=HIDDEN_IN_SET)
    for name in header_sizes(header):
        scope.names[name] = DimSymbol(name, None, Size.of(name))
    for item in header:
        shape = find_shape(context.within(scope), item.sizes)
        if shape is None or not item.sizes:
            scope.names[item.name] = PoisonSymbol(item.name, item.name_span)
        else:
            value: Expr = ParamValue(item.name, shape=shape, span=item.name_span)
            scope.names[item.name] = ValueSymbol(item.name, item.name_span, "argument", value)
    return scope


def _names_only(context: Context, scope: Scope, node: ast.Expr) -> None:
    """Report the slips of names in an expression whose arguments' shapes are open."""
    scratch = replace(context.session, findings=[], reported=set(), index_sizes=dict(context.session.index_sizes))
    replace(context, session=scratch, scope=scope).expression(node)
    for finding in scratch.findings:
        if finding.code.startswith(("E01", "E02")):
            context.report(finding)

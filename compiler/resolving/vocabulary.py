"""Atoms, sets and inner models that a file declares, and imports."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

from karush.compiler.library import Library, load_library
from karush.compiler.messages import form_messages, name_messages
from karush.compiler.model import Expr, ParamValue
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import (
    AtomSymbol,
    DimSymbol,
    ImportSymbol,
    PoisonSymbol,
    Scope,
    SetSymbol,
    ValueSymbol,
)
from karush.compiler.resolving.atoms import takes_entries
from karush.compiler.resolving.dimensions import find_shape, header_sizes
from karush.compiler.resolving.draft import Draft
from karush.compiler.resolving.elementwise import check_elementwise
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
    if draft.declare(SetSymbol(node.name, node.name_span, node), node.name_span):
        _names_only(draft.context, _inside(draft.context, (*node.header, node.element)), node.condition)


def _inside(context: Context, header: tuple[ast.Declaration, ...]) -> Scope:
    """A scope in which header names stand for values of their declared shapes."""
    scope = Scope(context.scope, kind="fn", hides=frozenset({"var", "let", "param"}))
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


# ---------------------------------------------------------------- imports


def import_statement(draft: Draft, node: ast.Import) -> None:
    """``import "svm.opt" as svm``, ``import stdlib.losses``."""
    if node.module is not None:
        known = _modules(draft.context.session.library)
        if ".".join(node.module) not in known:
            draft.context.report(form_messages.unknown_module(node, known))
        if node.alias is not None:
            _alias(draft, node)
        return
    path = node.path or ""
    fault = _path_fault(node.span.source.name, path, draft.context.session.root)
    if fault is not None:
        draft.context.report(form_messages.import_fault(node, path, fault))
    else:
        draft.context.block.postpone(f'`import "{path}"`', node.span)
    _alias(draft, node)


def _modules(library: Library) -> tuple[str, ...]:
    """The modules of the library: its folders and files. All of them are in sight without an import."""
    paths = {PurePath(source.name).with_suffix("") for source in library.sources.values()}
    return tuple(sorted({f"stdlib.{path.parent.name}" for path in paths} | {f"stdlib.{path.name}" for path in paths}))


def _alias(draft: Draft, node: ast.Import) -> None:
    """What stands behind an import is not known here, so its uses are silent."""
    name = node.alias or (Path(node.path).stem if node.path else node.module[-1] if node.module else "")
    if draft.declare(ImportSymbol(name, node.span), node.span):
        draft.context.scope.names[name] = PoisonSymbol(name, node.span)


def _path_fault(importer: str, path: str, root: Path | None) -> str | None:
    """Why a path cannot be followed from the importing file; None where it can."""
    if "\0" in path or not path:
        return "this is not a path"
    folder = Path(importer).parent
    try:
        target = (folder / path).resolve()
        if not target.is_relative_to((root or folder).resolve()):
            return "the path leaves the folder of this file" if root is None else f"the path leaves {root}"
        return None if target.is_file() else "there is no such file"
    except (OSError, ValueError):
        return "this is not a path"

"""Syntax tree to typed model: names, scopes, sizes, shapes. Every statement has its rule in ``_RULES``.

Nothing here raises on what a user wrote: findings are values, several at once, one for each cause.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from karush.compiler.library import Library, load_library
from karush.compiler.model import Dim, Model
from karush.compiler.names.context import Block, Context, Session
from karush.compiler.names.symbols import HIDDEN_IN_MODEL, DimSymbol, ModelSymbol, PoisonSymbol, Scope, ValueSymbol
from karush.compiler.nested import inner_models
from karush.compiler.resolving import statements, vocabulary
from karush.compiler.resolving.closure import close
from karush.compiler.resolving.dimensions import header_sizes, names_in
from karush.compiler.resolving.draft import Draft
from karush.compiler.resolving.expressions import resolve_expression
from karush.compiler.resolving.form import check_form
from karush.compiler.resolving.functions import check_uncalled
from karush.compiler.resolving.imports import header_of, import_statement
from karush.compiler.resolving.records import resolve_record
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Severity
from karush.dsl.parse import parse
from karush.dsl.source import Source, Span
from karush.stdlib.shape import Size


def extend_library(module: ast.Module, library: Library) -> Library:
    """The library with the atoms and sets that a file declares."""
    own = (ast.AtomDeclaration, ast.SetDeclaration)
    return library.extended(tuple(s for s in module.statements if isinstance(s, own)))


@dataclass(frozen=True)
class Resolved:
    """The typed model of a file (None where a finding is an error), the findings, and libraries of imported models."""

    model: Model | None
    findings: list[Diagnostic]
    libraries: Mapping[Model, Library]


def resolve_file(module: ast.Module, library: Library, *, complete: bool = True, root: Path | None = None) -> Resolved:
    """The typed model of a syntax tree, and the findings; no model where one of them is an error.

    ``complete`` says that every statement of the file could be read: else nothing is said about absent ones.
    ``root`` is the folder that imports may not leave (by default the file's own).
    """
    own = extend_library(module, library)
    files = _own_path(module.source.name)
    session = Session(own, resolve_expression, resolve_record, root=root, file=_imported_file, files=files)
    draft = _file(session, module, complete)
    model = _finish(draft, _file_name(module.source.name), module.source, module.doc, module.span)
    failed = any(f.severity is Severity.ERROR for f in session.findings)
    findings = sorted(session.findings, key=lambda f: f.labels[0].span.start)
    return Resolved(None if failed else model, findings, session.libraries)


def _file(session: Session, module: ast.Module, complete: bool) -> Draft:
    """The statements of one file."""
    outermost = Scope(None, kind="library")
    known = session.library.names()
    for name in module.poisoned - known:
        outermost.names[name] = PoisonSymbol(name, None)
    context = Context(session, Scope(outermost, kind="file"), Block())
    draft = Draft(context, None, complete)
    _statements(draft, module.statements)
    for symbol in draft.fns:
        if id(symbol.declaration) not in session.called_fns:
            check_uncalled(context, symbol)
    return draft


def _own_path(name: str) -> tuple[Path, ...]:
    try:
        return (Path(name).resolve(),)
    except (OSError, ValueError, RuntimeError):
        return ()


def _imported_file(outer: Session, source: Source, path: Path, root: Path) -> ModelSymbol | None:
    """An imported file as a model; its findings go to the importing one, at their own places."""
    module, unread = parse(source)
    library = extend_library(module, load_library())
    session = replace(
        outer,
        library=library,
        findings=[],
        reported=set(),
        active_fns=(),
        root=root,
        files=(*outer.files, path),
        broken=False,
    )
    draft = _file(session, module, not unread)
    model = _finish(draft, _file_name(source.name), source, module.doc, module.span)
    found = [*unread, *session.findings]
    outer.findings += found
    if session.broken or any(f.severity is Severity.ERROR for f in found):
        return None
    for inner in (*inner_models(model), model):
        outer.libraries.setdefault(inner, library)
    return ModelSymbol(model.name, None, model, header_of(module), {}, draft.context.scope)


def _file_name(name: str) -> str:
    """A model is called after its file's stem, or after the folder of a ``model.opt``."""
    path = Path(name)
    if path.name == "model.opt":
        return path.resolve().parent.name or path.stem
    return path.stem


# ---------------------------------------------------------------- statements


def _statements(draft: Draft, body: tuple[ast.Statement, ...]) -> None:
    """Each statement by its rule. One that has no place here was refused by the parser, and is passed over."""
    draft.context.scope.later.update(_declared_names(body))
    listing = False
    for statement in body:
        listing = listing or isinstance(statement, ast.SubjectTo)
        rule = _RULES.get(type(statement))
        stray = isinstance(statement, ast.Constraint) and not listing
        if rule is not None and not stray and not (draft.inner is not None and isinstance(statement, _FILE_ONLY)):
            rule(draft, statement)


def _declared_names(body: tuple[ast.Statement, ...]) -> dict[str, Span]:
    """The names that the statements declare, with their places."""
    found: dict[str, Span] = {}
    for statement in body:
        match statement:
            case ast.Dim() | ast.Param() | ast.Var():
                for item in statement.items:
                    found.setdefault(item.name, item.name_span)
            case ast.Let() | ast.Fn() | ast.ModelBlock() | ast.SetDeclaration() | ast.AtomDeclaration():
                found.setdefault(statement.name, statement.name_span)
    return found


def _model_block(draft: Draft, node: ast.ModelBlock) -> None:
    """``model inner(X[m, d], lam in nonneg) { … }``."""
    outer = draft.context
    statements.check_header(outer, node.header)
    errors = len(outer.session.findings)
    scope = Scope(outer.scope, kind="model", hides=HIDDEN_IN_MODEL)
    inner = Draft(replace(outer, scope=scope, block=Block()), node.name, draft.complete)
    sizes = header_sizes(node.header)
    for name in sizes:
        span = next(n for i in node.header for s in i.sizes for n in names_in(s) if n.id == name).span
        scope.names[name] = DimSymbol(name, span, Size.of(name))
        inner.dims[name] = Dim(name, None, span)
    for item in node.header:
        statements.declare_param(inner, item, item.doc)
    _statements(inner, node.body)
    model = _finish(inner, node.name, node.span.source, node.doc, node.span)
    found = outer.session.findings[errors:]
    if any(f.severity is Severity.ERROR for f in found):
        draft.poison(node.name, node.name_span)
        return
    symbols = (s for s in scope.names.values() if isinstance(s, ValueSymbol) and s.role in ("param", "var"))
    model, captured = close(model, {symbol.value for symbol in symbols}, outer.session)
    draft.models.append(model)
    header = Scope(outer.scope, kind="model", hides=HIDDEN_IN_MODEL)
    draft.declare(ModelSymbol(node.name, node.name_span, model, node.header, captured, header), node.name_span)


_RULES: dict[type, Callable[[Draft, Any], None]] = {
    ast.Dim: statements.dim,
    ast.Param: statements.param,
    ast.Var: statements.var,
    ast.Let: statements.let,
    ast.Fn: statements.fn,
    ast.ModelBlock: _model_block,
    ast.AtomDeclaration: vocabulary.atom_declaration,
    ast.SetDeclaration: vocabulary.set_declaration,
    ast.Import: import_statement,
    ast.Objective: statements.objective,
    ast.Saddle: statements.saddle,
    ast.Find: statements.find,
    ast.SubjectTo: statements.subject_to,
    ast.Constraint: statements.constraint,
    ast.Using: statements.using,
    ast.Derivative: statements.derivative,
}

_FILE_ONLY = (ast.Dim, ast.Param, ast.AtomDeclaration, ast.SetDeclaration, ast.Import)


# ---------------------------------------------------------------- the model


def _finish(draft: Draft, name: str, source: Source, doc: str | None, span: Span) -> Model:
    """The model that the statements make, once its form has been looked at."""
    del span
    check_form(draft)
    block = draft.context.block
    return Model(
        name=name,
        source=source,
        doc=doc,
        dims=draft.dims,
        params=draft.params,
        vars=draft.vars,
        lets=draft.lets,
        objective=draft.objective,
        saddle=draft.saddle,
        find=draft.find,
        constraints=tuple(draft.constraints),
        using=draft.using,
        derivative=draft.derivative,
        conditions=tuple(block.conditions),
        rules=draft.rules,
        unavailable=tuple(block.unavailable),
        models=tuple(draft.models),
    )

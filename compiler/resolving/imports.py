"""``import "svm.opt" as svm``: another file as a model that can be called, and modules of the library.

A file is untrusted: a path is relative to the importing file, stays below the root (the folder of the top file, or
``--root``), and no file imports itself by way of others. What an imported file is found to hold is said at its own
places; the importing file is then silent about its uses.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from karush.compiler.library import Library, modules_of
from karush.compiler.messages import form_messages
from karush.compiler.names.symbols import ImportSymbol, ModelSymbol, PoisonSymbol
from karush.compiler.resolving.draft import Draft
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import read_source

MAX_IMPORTS = 100
"""How many files a model may be made of."""


def import_statement(draft: Draft, node: ast.Import) -> None:
    """``import "svm.opt" as svm``, ``import stdlib.losses``."""
    if node.module is not None:
        known = modules(draft.context.session.library)
        if ".".join(node.module) not in known:
            draft.context.report(form_messages.unknown_module(node, known))
        draft.declare(ImportSymbol(node.alias or node.module[-1], node.span, ".".join(node.module)), node.span)
        return
    path = node.path or ""
    name = node.alias or Path(path).stem
    found = _imported(draft, node, path)
    if isinstance(found, str):
        draft.context.report(form_messages.import_fault(node, path, found))
        found = None
    if found is None:
        draft.context.session.broken = True
    if draft.declare(ImportSymbol(name, node.span), node.span):
        symbol = PoisonSymbol(name, node.span) if found is None else replace(found, name=name, span=node.span)
        draft.context.scope.names[name] = symbol


def _imported(draft: Draft, node: ast.Import, path: str) -> ModelSymbol | str | None:
    """The file as a model; a text says why it cannot be had, None that its own findings do."""
    session = draft.context.session
    importer = Path(node.span.source.name)
    root = session.root or importer.parent
    target = _target(importer.parent, path, root)
    if isinstance(target, str):
        return target
    if target in session.files:
        return "the files import each other in a circle"
    if target in session.imported:
        return session.imported[target]
    if len(session.imported) >= MAX_IMPORTS:
        return f"more than {MAX_IMPORTS} files are imported"
    source = read_source(str(importer.parent / path))
    if isinstance(source, Diagnostic):
        return source.message
    session.imported[target] = session.file(session, source, target, root)
    return session.imported[target]


def _target(folder: Path, path: str, root: Path) -> Path | str:
    """The file that a path leads to, or why it may not be followed."""
    if "\0" in path or not path:
        return "this is not a path"
    try:
        target = (folder / path).resolve()
        if not target.is_relative_to(root.resolve()):
            return f"the path leaves the folder {root if str(root) != '.' else 'of this file'}"
        return target if target.is_file() else "there is no such file"
    except (OSError, ValueError, RuntimeError):
        return "this is not a path"


def modules(library: Library) -> tuple[str, ...]:
    """The modules of the library: its folders and files. All of them are in sight without an import."""
    return tuple(sorted({module for source in library.sources.values() for module in modules_of(source)}))


def header_of(module: ast.Module) -> tuple[ast.Declaration, ...]:
    """The params of a file in order, as the header of a model."""
    return tuple(item for s in module.statements if isinstance(s, ast.Param) for item in s.items)

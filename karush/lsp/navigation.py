"""From a name to its declaration and its uses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from karush.compiler.library import Library
from karush.dsl import ast
from karush.dsl.source import Span
from karush.lsp.document import Document
from karush.lsp.entities import Entity, Role


@dataclass(frozen=True)
class Target:
    """Where a name is declared: a place of this document (``path`` None), or a line (from 0) of another file."""

    path: Path | None
    span: Span | None = None
    line: int = 0


def definition(document: Document, offset: int) -> Target | None:
    """Where the name at a place is declared."""
    use = document.state.bindings.at(offset)
    if use is None:
        return None
    if use.entity is None:
        return _in_library(document.state.library, use.span.text, "set" if use.kind == "set" else "atom")
    imported = _imported(document, use.entity) if use.declares else None
    return imported or Target(None, use.entity.span)


def references(document: Document, offset: int, *, declaration: bool) -> list[Span]:
    """All places in this document that name what is named here."""
    use = document.state.bindings.at(offset)
    if use is None:
        return []
    if use.entity is None:
        same = (u for u in document.state.bindings.uses if u.entity is None and u.kind == use.kind)
        return [u.span for u in same if u.span.text == use.span.text]
    return [u.span for u in document.state.bindings.of(use.entity) if declaration or not u.declares]


def _imported(document: Document, entity: Entity) -> Target | None:
    """The file that an import names, where it lies under the folder of this one."""
    if entity.role is not Role.IMPORT or not isinstance(entity.node, ast.Import) or not entity.node.path:
        return None
    folder = Path(document.name).parent
    try:
        path = (folder / entity.node.path).resolve()
        return Target(path) if path.is_relative_to(folder.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _in_library(library: Library, name: str, kind: str) -> Target | None:
    """The declaration in the ``.opt`` file of the package, where that is a file on the disk."""
    source = library.sources.get((kind, name))
    if source is None:
        return None
    folder, _, rest = source.name.partition("/")
    path = Path(str(resources.files(f"karush.{folder}").joinpath(rest)))
    match = re.search(rf"^{kind}[ \t]+{re.escape(name)}\b", source.text, re.MULTILINE)
    if match is None or not path.is_file():
        return None
    return Target(path, None, source.text.count("\n", 0, match.start()))

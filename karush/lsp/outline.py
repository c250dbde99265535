"""The declarations of a file as a tree, the colours of its names, and the hints between its characters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from karush.dsl import ast
from karush.dsl.source import Span
from karush.lsp import knowledge
from karush.lsp.bind_expressions import words_in
from karush.lsp.document import Document
from karush.lsp.entities import Entity, Level, Role, Use
from karush.words import FUNCTIONS

# ---------------------------------------------------------------- the outline


@dataclass(frozen=True)
class Symbol:
    """One declared name in the outline; ``whole`` is its statement, ``detail`` a few words about it."""

    name: str
    role: Role
    whole: Span
    span: Span
    detail: str
    inner: tuple[Symbol, ...] = ()


BLOCKS = (Role.MODEL, Role.FN, Role.ATOM)
LISTED = frozenset(Role) - {Role.BINDER, Role.UNKNOWN, Role.ARGUMENT}


def outline(document: Document) -> tuple[Symbol, ...]:
    """The names of the file, those of blocks within their blocks."""
    entities = [e for e in document.state.bindings.entities() if e.role in LISTED]
    return _symbols(document, document.state.bindings.file, entities)


def _symbols(document: Document, level: Level, entities: list[Entity]) -> tuple[Symbol, ...]:
    return tuple(
        _symbol(document, entity, entities) for entity in entities if entity.level is level and _is_written(entity)
    )


def _is_written(entity: Entity) -> bool:
    """Whether the name has a declaration of its own: a size in a header has none."""
    return not (isinstance(entity.node, ast.Declaration) and entity.span != entity.node.name_span)


def _symbol(document: Document, entity: Entity, entities: list[Entity]) -> Symbol:
    inner: tuple[Symbol, ...] = ()
    if entity.role in BLOCKS:
        level = next((x for x in entity.level.inner if x.start == entity.node.span.start), None)
        inner = _symbols(document, level, entities) if level is not None else ()
    known = document.recent.of(entity)
    detail = entity.role.value if known is None else f"{entity.role.value}, {knowledge.hint_words(known)}"
    return Symbol(entity.name, entity.role, entity.node.span.to(entity.span), entity.span, detail, inner)


# ---------------------------------------------------------------- the colours of names

TOKEN_TYPES = ("type", "parameter", "variable", "function", "class", "namespace", "property", "enumMember")
TOKEN_MODIFIERS = ("declaration", "readonly", "defaultLibrary")

_COLOURS = {
    Role.DIM: "type",
    Role.PARAM: "parameter",
    Role.ARGUMENT: "parameter",
    Role.VAR: "variable",
    Role.UNKNOWN: "variable",
    Role.BINDER: "enumMember",
    Role.LET: "variable",
    Role.FN: "function",
    Role.ATOM: "function",
    Role.MODEL: "class",
    Role.SET: "type",
    Role.IMPORT: "namespace",
    Role.LABEL: "property",
}


@dataclass(frozen=True)
class Colour:
    """What a name is to the colour scheme of an editor."""

    span: Span
    type: str
    modifiers: tuple[str, ...] = ()


def colours(document: Document) -> Iterator[Colour]:
    """The colours of all names, in the order of the text."""
    library = document.state.library
    functions = library.atom_names() | FUNCTIONS.keys()
    sets = library.set_names()
    for use in document.state.bindings.uses:
        if use.entity is not None:
            yield Colour(use.span, _COLOURS[use.entity.role], tuple(_modifiers(use)))
        elif use.kind == "set" and use.span.text in sets:
            yield Colour(use.span, "type", ("defaultLibrary",))
        elif use.span.text in functions:
            yield Colour(use.span, "function", ("defaultLibrary",))


def _modifiers(use: Use) -> Iterator[str]:
    if use.declares:
        yield "declaration"
    if use.entity is not None and use.entity.role in (Role.LET, Role.PARAM, Role.BINDER):
        yield "readonly"


# ---------------------------------------------------------------- hints


@dataclass(frozen=True)
class Hint:
    """A few words shown behind a place."""

    offset: int
    text: str
    tooltip: str = field(default="")


def hints(document: Document, start: int, end: int) -> Iterator[Hint]:
    """Shape, curvature and sign behind the names of lets, curvature behind the objective's word, sizes of duals."""
    for entity in document.state.bindings.entities():
        if not start <= entity.span.start <= end or not _is_hinted(entity):
            continue
        known = document.knowledge.of(entity)
        if known is not None:
            label = f": {knowledge.hint_words(known)}"
            yield Hint(entity.span.end, label, "\n".join(knowledge.lines_about(known)))
    yield from _objective_hint(document, start, end)


def _is_hinted(entity: Entity) -> bool:
    return entity.role is Role.LET or (entity.role is Role.LABEL and isinstance(entity.node, ast.Objective))


def _objective_hint(document: Document, start: int, end: int) -> Iterator[Hint]:
    """Behind ``minimize``, where the objective has no label: its curvature."""
    statements = document.state.module.statements
    goal = next((s for s in statements if isinstance(s, ast.Objective) and s.label is None), None)
    known = knowledge.objective(document.analysis)
    if goal is not None and known is not None and known.fact is not None and start <= goal.span.start <= end:
        place = words_in(goal.span)[0].end
        yield Hint(place, f": {knowledge.curvature_words(known.fact)}", "\n".join(knowledge.lines_about(known)))

"""What can be typed at a place: keywords, names in sight, functions, sets, options, fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lark import Token

from karush.compiler.resolving.options import DERIVATIVES, SOLVERS, tied_atoms
from karush.dsl import ast
from karush.lsp import knowledge
from karush.lsp.cursor import Cursor, Wanted, cursor_at, innermost
from karush.lsp.document import Document
from karush.lsp.entities import Entity, Level, Role
from karush.lsp.hover import page_of_entity, page_of_library
from karush.words import CLAUSES, CONSTANTS, CONTEXTUAL, FUNCTIONS, OPERATORS, STATEMENTS, words


@dataclass(frozen=True)
class Item:
    """One thing that can be typed. ``kind`` is a Role's word, or ``keyword``, ``function``, ``set``, ``option``,
    ``field``, ``module``.
    """

    name: str
    kind: str
    detail: str = ""
    text: str | None = None
    rank: int = 1


def complete(document: Document, offset: int) -> list[Item]:
    """What can be typed at a place; the word that stands there is for the editor to match."""
    cursor = cursor_at(document.state.source.text, offset)
    level = document.state.bindings.file.at(cursor.start)
    source = _SOURCES.get(cursor.wanted)
    found = source(document, level, cursor) if source is not None else ()
    return list({item.name: item for item in reversed(list(found))}.values())[::-1]


def documentation(document: Document, item: Item) -> str | None:
    """The page about a thing that can be typed."""
    if item.kind == "keyword":
        return _KEYWORDS.get(item.name)
    if item.kind in ("function", "set"):
        return page_of_library(document.state.library, item.name, prefer_set=item.kind == "set")
    named = (e for e in document.state.bindings.entities() if e.name == item.name and e.role.value == item.kind)
    entity = next(named, None)
    return None if entity is None else page_of_entity(document, entity)


_KEYWORDS = {**CONTEXTUAL, **CLAUSES, **CONSTANTS, **OPERATORS, **STATEMENTS}

# ---------------------------------------------------------------- one source a place


def _statements(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    """Words that begin a statement; in a list of constraints and in an expression's place also values."""
    if cursor.block == "atom":
        yield from _keywords(CLAUSES)
        return
    allowed = {"fn": ("let", "return"), "graph": ("var", "let", "minimize", "maximize", "subject to")}
    yield from _keywords(allowed.get(cursor.block, [word for word in STATEMENTS if word != "return"]))
    if cursor.block != "fn":
        yield from _values(document, level, cursor)


def _keywords(names: Iterable[str], rank: int = 2) -> Iterator[Item]:
    return (Item(name, "keyword", rank=rank) for name in names)


def _values(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    """Names with a value, functions, and the words that begin an expression."""
    yield from _argument_names(level, cursor)
    yield from _binders_typed(cursor)
    for entity in level.visible().values():
        if entity.role is not Role.SET:
            yield _entity(document, entity)
    yield from _functions(document)
    yield from _keywords(("if", "not", "true", "false"))


def _entity(document: Document, entity: Entity) -> Item:
    known = document.recent.of(entity) if entity.role is not Role.BINDER else None
    return Item(entity.name, entity.role.value, entity.role.value if known is None else knowledge.hint_words(known))


def _functions(document: Document) -> Iterator[Item]:
    for name in words(document.state.library).functions:
        yield Item(name, "function", FUNCTIONS[name][0] if name in FUNCTIONS else "library", rank=3)


def _argument_names(level: Level, cursor: Cursor) -> Iterator[Item]:
    """``X = `` within the brackets of a call of a fn or model of the file."""
    opener = innermost(cursor.tokens)
    if not opener or cursor.tokens[-1].type not in ("LPAR", "COMMA"):
        return
    callee = level.find(cursor.tokens[opener - 1])
    if callee is not None and isinstance(callee.node, ast.Fn | ast.ModelBlock | ast.AtomDeclaration):
        for item in callee.node.header:
            yield Item(item.name, "argument", f"of {callee.name}", f"{item.name} = ", rank=0)


def _binders_typed(cursor: Cursor) -> Iterator[Item]:
    """Binders of a clause in the statement at hand, which may not be parsed yet."""
    for word, following in zip(cursor.tokens, cursor.tokens[1:], strict=False):
        if word.type == "NAME" and following.type == "IN":
            yield Item(word, "binder", "binder", rank=0)


def _operators(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    """Words that go on after a value."""
    yield from _keywords(word for word in OPERATORS if word != "not")
    if cursor.tokens[0].type in ("MINIMIZE", "MAXIMIZE"):
        yield Item("over", "keyword", rank=2)
    if cursor.tokens[0].type == "MINIMIZE":
        yield Item("maximize", "keyword", rank=2)


def _sets(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    for entity in level.visible().values():
        if entity.role is Role.SET:
            yield _entity(document, entity)
    for name in words(document.state.library).sets:
        yield Item(name, "set", "library")


def _index_sets(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    yield from _sizes(document, level, cursor)
    yield Item("range", "function", FUNCTIONS["range"][0])


def _sizes(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    return (_entity(document, e) for e in level.visible().values() if e.role is Role.DIM)


def _unknowns(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    return (_entity(document, e) for e in level.visible().values() if e.role is Role.VAR)


def _labels(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    for entity in _labels_of(level):
        yield _entity(document, entity)


def _labels_of(level: Level) -> Iterator[Entity]:
    """What has multipliers: labels of rows, and vars in a set."""
    for around in level.outwards():
        yield from (e for e in around.labels.values() if isinstance(e.node, ast.Constraint))
        for entity in around.names.values():
            if entity.role is Role.VAR and isinstance(entity.node, ast.Declaration) and entity.node.set is not None:
                yield entity
        if around.kind != "clause":
            return


def _fields(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    """``.T`` of a value; the vars, lets and multipliers of a solution record."""
    path, base = _path(cursor.tokens)
    inside = _record_level(level, base)
    if inside is None:
        if not path:
            yield Item("T", "field", "the transpose")
        return
    if path == ("dual",):
        yield from (_entity(document, entity) for entity in _labels_of(inside))
    elif not path:
        yield from (_entity(document, e) for e in inside.names.values() if e.role in (Role.VAR, Role.LET))
        yield Item("objective", "field", "the optimal value")
        yield Item("status", "field", "how the solve ended")
        yield Item("dual", "field", "the multipliers, by label")


def _path(tokens: tuple[Token, ...]) -> tuple[tuple[str, ...], tuple[Token, ...]]:
    """The fields before the last dot, and the tokens of what they are taken from."""
    names: list[str] = []
    end = len(tokens) - 1
    while end >= 2 and tokens[end - 1].type == "NAME" and tokens[end - 2].type == "DOT":
        names.append(tokens[end - 1])
        end -= 2
    return tuple(reversed(names)), tokens[:end]


def _record_level(level: Level, base: tuple[Token, ...]) -> Level | None:
    """The scope of the inner model whose record stands at the end of these tokens."""
    if not base:
        return None
    name = base[-1] if base[-1].type == "NAME" else _callee(base)
    entity = level.find(name) if name is not None else None
    if entity is not None and isinstance(entity.node, ast.Let) and isinstance(entity.node.value, ast.Call):
        function = entity.node.value.function
        entity = level.find(function.id) if isinstance(function, ast.Name) else None
    if entity is None or entity.role is not Role.MODEL:
        return None
    return next((x for x in entity.level.inner if x.start == entity.node.span.start), None)


def _callee(tokens: tuple[Token, ...]) -> Token | None:
    """The name before the brackets that the tokens end with."""
    depth = 0
    for place in range(len(tokens) - 1, 0, -1):
        depth += (tokens[place].type == "RPAR") - (tokens[place].type == "LPAR")
        if depth == 0:
            return tokens[place - 1] if tokens[place - 1].type == "NAME" else None
    return None


def _solvers(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    for name, family in SOLVERS.items():
        yield Item(name, "option", f"for {', '.join(family.classes)}", rank=1 if family.available else 2)


def _solver_options(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    family = SOLVERS.get(cursor.tokens[1])
    for name in family.options if family else ():
        yield Item(name, "option", f"option of {cursor.tokens[1]}", f"{name} = ")


def _methods(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    for name in DERIVATIVES:
        yield Item(name, "option", "method of differentiation")
    yield Item("rule", "keyword", "the element at a tie")


def _method_options(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    for name in DERIVATIVES.get(cursor.tokens[1], ()):
        yield Item(name, "option", f"option of {cursor.tokens[1]}", f"{name} = ")


def _tied_atoms(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    return (Item(name, "function", "has ties", f"{name} = ") for name in tied_atoms(document.state.library))


def _modules(document: Document, level: Level, cursor: Cursor) -> Iterator[Item]:
    files = {source.name for source in document.state.library.sources.values()}
    stems = {name.rpartition("/")[2].removesuffix(".opt") for name in files}
    return (Item(f"stdlib.{stem}", "module", "library") for stem in sorted(stems))


_SOURCES: dict[Wanted, Callable[[Document, Level, Cursor], Iterable[Item]]] = {
    Wanted.STATEMENT: _statements,
    Wanted.VALUE: _values,
    Wanted.OPERATOR: _operators,
    Wanted.SET: _sets,
    Wanted.INDEX_SET: _index_sets,
    Wanted.SIZE: _sizes,
    Wanted.UNKNOWN: _unknowns,
    Wanted.LABEL: _labels,
    Wanted.FIELD: _fields,
    Wanted.SOLVER: _solvers,
    Wanted.SOLVER_OPTION: _solver_options,
    Wanted.METHOD: _methods,
    Wanted.METHOD_OPTION: _method_options,
    Wanted.TIED_ATOM: _tied_atoms,
    Wanted.MODULE: _modules,
}

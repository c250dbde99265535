"""What the names of a file stand for: entities, where they are in sight, and every place that names one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

from karush.compiler.names.symbols import HIDDEN_IN_FN, HIDDEN_IN_MODEL
from karush.dsl import ast
from karush.dsl.source import Span


class Role(Enum):
    """What a name is, in the user's word for it."""

    DIM = "dim"
    PARAM = "param"
    VAR = "var"
    LET = "let"
    FN = "fn"
    MODEL = "model"
    ATOM = "atom"
    SET = "set"
    IMPORT = "import"
    LABEL = "label"
    ARGUMENT = "argument"
    BINDER = "binder"
    UNKNOWN = "unknown"  # of an inline problem


@dataclass(eq=False)
class Entity:
    """A declared name. ``span`` is the name in its declaration, ``statement`` all of that.

    ``node`` is what declares it (a Declaration, a Let, a Binder …); ``level`` is the scope it belongs to.
    """

    name: str
    role: Role
    span: Span
    node: ast.Node
    level: Level = field(repr=False)
    statement: ast.Node = field(repr=False)
    doc: str | None = None


HIDDEN = {
    "model": frozenset(map(Role, HIDDEN_IN_MODEL)),
    "fn": frozenset(map(Role, HIDDEN_IN_FN)),
    "atom": frozenset({Role.VAR, Role.LET, Role.PARAM}),
}
"""Kinds of outer names that are out of sight within a block."""


@dataclass(eq=False)
class Level:
    """One scope: ``kind`` is ``file``, ``model``, ``fn``, ``atom``, ``graph`` or ``clause``; ``start`` to ``end`` is
    where it reaches. Labels are a namespace of their own, but for vars, which share it.
    """

    kind: str
    start: int
    end: int
    outer: Level | None = None
    names: dict[str, Entity] = field(default_factory=dict)
    labels: dict[str, Entity] = field(default_factory=dict)
    inner: list[Level] = field(default_factory=list)

    def within(self, kind: str, span: Span) -> Level:
        """A new scope inside."""
        level = Level(kind, span.start, span.end, self)
        self.inner.append(level)
        return level

    def outwards(self) -> Iterator[Level]:
        """This scope and those around it."""
        level: Level | None = self
        while level is not None:
            yield level
            level = level.outer

    def inwards(self) -> Iterator[Level]:
        """This scope and all inside it."""
        yield self
        for level in self.inner:
            yield from level.inwards()

    def find(self, name: str) -> Entity | None:
        """The entity of a name in sight here."""
        hidden: frozenset[Role] = frozenset()
        for level in self.outwards():
            found = level.names.get(name)
            if found is not None:
                return None if found.role in hidden else found
            hidden |= HIDDEN.get(level.kind, frozenset())
        return None

    def find_label(self, name: str) -> Entity | None:
        """The rows of this name: a label, or a var with a set."""
        for level in self.outwards():
            found = level.labels.get(name)
            if found is not None:
                return found
            var = level.names.get(name)
            if var is not None:
                return var if var.role is Role.VAR else None
            if level.kind in HIDDEN:
                return None
        return None

    def visible(self) -> dict[str, Entity]:
        """All names in sight, inner ones hiding outer ones."""
        found: dict[str, Entity] = {}
        hidden: frozenset[Role] = frozenset()
        for level in self.outwards():
            for name, entity in level.names.items():
                if entity.role not in hidden:
                    found.setdefault(name, entity)
            hidden |= HIDDEN.get(level.kind, frozenset())
        return found

    def at(self, offset: int) -> Level:
        """The innermost scope that reaches over a place."""
        for level in self.inner:
            if level.start <= offset <= level.end:
                return level.at(offset)
        return self


@dataclass(frozen=True, eq=False)
class Use:
    """A place that names something: an entity of the file, or (entity None) a word of the library.

    ``kind`` says what such a word is: ``atom`` (also functions of the language), ``set``, ``field``, ``unknown``.
    """

    span: Span
    entity: Entity | None
    kind: str = ""
    declares: bool = False

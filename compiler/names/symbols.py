"""What a name may stand for, and the scopes that hold names.

Scopes nest: library, file, then ``fn``, ``model``, clause and inline problem. A scope may hide kinds of names of the
scopes around it: an inner model sees no lets, vars and labels of the file, a fn no vars and labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import ClassVar

from karush.compiler.model import Expr, Kind, Model, ModelCall
from karush.dsl import ast
from karush.dsl.source import Span
from karush.stdlib.shape import SCALAR, Size


@dataclass(frozen=True, eq=False)
class Poison(Expr):
    """An expression that was found wrong already; whatever is built on it is poison too, and silent."""


def poison(span: Span) -> Poison:
    """A poisoned expression at this place."""
    return Poison(shape=SCALAR, kind=Kind.REAL, span=span)


@dataclass(frozen=True)
class Symbol:
    """A declared name; ``span`` is the name with its sizes in the declaration, None for what the library declares."""

    name: str
    span: Span | None

    described: ClassVar[str] = "name"

    @property
    def word(self) -> str:
        """What the name is, in the user's words."""
        return self.described


@dataclass(frozen=True)
class DimSymbol(Symbol):
    """A dim, or a size name of a header bound to an actual size."""

    size: Size

    described: ClassVar[str] = "dim"


@dataclass(frozen=True)
class ValueSymbol(Symbol):
    """A name with a value: ``role`` is ``param``, ``var``, ``let``, ``argument`` or ``binder``.

    ``value`` is the leaf that stands for the name, or for a let and an argument the shared node itself.
    """

    role: str
    value: Expr

    @property
    def word(self) -> str:
        """The role."""
        return self.role


@dataclass(frozen=True)
class RecordSymbol(Symbol):
    """A let that names the solution record of an inner model."""

    call: ModelCall

    described: ClassVar[str] = "let"


@dataclass(frozen=True)
class FnSymbol(Symbol):
    """A fn; its body is resolved anew at each call, in the scope where it was declared."""

    declaration: ast.Fn
    scope: Scope

    described: ClassVar[str] = "fn"


@dataclass(frozen=True)
class ModelSymbol(Symbol):
    """A model that can be called: an inner one, or an imported file.

    ``header`` are its params in order, ``captured`` what it sees of the model around it, by the names of the params
    that stand for these; ``scope`` is that in which the header is read.
    """

    model: Model
    header: tuple[ast.Declaration, ...]
    captured: Mapping[str, Expr]
    scope: Scope

    described: ClassVar[str] = "model"


@dataclass(frozen=True)
class SetSymbol(Symbol):
    """A set that the file declares."""

    declaration: ast.SetDeclaration

    described: ClassVar[str] = "set"


@dataclass(frozen=True)
class AtomSymbol(Symbol):
    """An atom that the file declares; its signature stands in the library made for the file."""

    described: ClassVar[str] = "atom"


@dataclass(frozen=True)
class ImportSymbol(Symbol):
    """The name under which a module of the library was imported, such as ``stdlib.losses``."""

    module: str = ""

    described: ClassVar[str] = "import"


@dataclass(frozen=True)
class PoisonSymbol(Symbol):
    """A name whose declaration was found wrong: its uses are silent."""


HIDDEN_IN_MODEL = frozenset({"let", "var"})
HIDDEN_IN_FN = frozenset({"var"})


class Names(dict[str, Symbol]):
    """Names with their symbols, each with its rank in the order of declaration."""

    def __init__(self) -> None:
        super().__init__()
        self.ranks: dict[str, int] = {}

    def __setitem__(self, name: str, symbol: Symbol) -> None:
        self.ranks.setdefault(name, len(self.ranks))
        super().__setitem__(name, symbol)

    def so_far(self) -> NamesBefore:
        """The names declared up to now, also when more have come; nothing is copied."""
        return NamesBefore(self)


class NamesBefore(MutableMapping[str, Symbol]):
    """The first names of a scope: what a fn sees, which is declared between others."""

    def __init__(self, names: Names) -> None:
        self.all, self.count = names, len(names.ranks)

    def __getitem__(self, name: str) -> Symbol:
        if self.all.ranks.get(name, self.count) >= self.count:
            raise KeyError(name)
        return self.all[name]

    def __setitem__(self, name: str, symbol: Symbol) -> None:
        raise TypeError("what was declared before does not change")

    def __delitem__(self, name: str) -> None:
        raise TypeError("what was declared before does not change")

    def __iter__(self) -> Iterator[str]:
        return (name for name, rank in self.all.ranks.items() if rank < self.count)

    def __len__(self) -> int:
        return self.count


@dataclass
class Scope:
    """Names declared at one level. ``hides`` names the kinds of outer symbols that are out of sight here.

    ``later`` are the places of names that statements further down declare.
    """

    parent: Scope | None
    kind: str = "file"
    hides: frozenset[str] = frozenset()
    names: MutableMapping[str, Symbol] = field(default_factory=Names)
    later: MutableMapping[str, Span] = field(default_factory=dict)

    def levels(self) -> Iterator[Scope]:
        """This scope and those around it, from the inside out."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def snapshot(self) -> Scope:
        """This scope as it is now, also when more names have been declared in it."""
        names = self.names.so_far() if isinstance(self.names, Names) else self.names
        return Scope(self.parent, self.kind, self.hides, names, self.later)

    def find(self, name: str) -> tuple[Symbol | None, Scope | None]:
        """The symbol of a name in sight. Where one is found but out of sight: None and the scope that hides it."""
        hidden_by: list[Scope] = []
        for scope in self.levels():
            symbol = scope.names.get(name)
            if symbol is not None:
                hider = next((s for s in hidden_by if symbol.word in s.hides), None)
                return (None, hider) if hider else (symbol, None)
            hidden_by.append(scope)
        return None, None

    def visible(self) -> dict[str, Symbol]:
        """All names in sight, inner ones hiding outer ones."""
        found: dict[str, Symbol] = {}
        hidden: set[str] = set()
        for scope in self.levels():
            for name, symbol in scope.names.items():
                if name not in found and symbol.word not in hidden:
                    found[name] = symbol
            hidden |= scope.hides
        return found


@dataclass(frozen=True)
class Callee:
    """What is called: its kind and name in the user's words, its header, and the scope that the header is read in."""

    word: str
    name: str
    header: tuple[ast.Declaration, ...]
    scope: Scope
    elementwise: bool  # a name without sizes takes an array of any shape

"""What resolving an expression needs to know: the scope, what is known of integers there, and where findings go."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from karush.compiler.library import Library
from karush.compiler.model import Binder, Expr, Model, ModelCall, SetUse, SizeCondition
from karush.compiler.names.bounds import Bounds
from karush.compiler.names.labels import LabelInfo
from karush.compiler.names.symbols import ModelSymbol, Poison, Scope, Symbol, poison
from karush.compiler.wording import too_deep
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Source, Span
from karush.stdlib.shape import Shape, Size

Expected = Callable[[], tuple[Shape, str] | None]
"""Gives the shape that the other side of ``+``, ``-`` or a comparison has, and its text: for the repair of ``@``."""


MAX_DEPTH = 120
"""How deep expressions nest, bodies of fns in place of their calls: what Python's stack holds as it is."""


@dataclass
class Block:
    """What a model (the file's, or an inner one) gathers while its statements are resolved."""

    labels: dict[str, LabelInfo] = field(default_factory=dict)
    broken_labels: set[str] = field(default_factory=set)
    conditions: list[SizeCondition] = field(default_factory=list)
    unavailable: list[tuple[str, Span]] = field(default_factory=list)

    def postpone(self, what: str, span: Span) -> None:
        """Note a feature that is typed but cannot be solved yet; the first place of each is kept."""
        if all(noted != what for noted, _ in self.unavailable):
            self.unavailable.append((what, span))


@dataclass
class Session:
    """What one file shares: the library, the findings, and tables about nodes.

    ``expression``, ``record`` and ``file`` resolve an expression, the call of an inner model and an imported file; they
    are handed in so that the modules that treat parts do not import the one that dispatches to them. ``index_sizes``
    maps the leaf of a param ``in index(d)`` to d; ``places`` maps a leaf to the place where its name is declared,
    ``sets`` the leaf of a param or var to the set that it is declared in, ``origins`` a leaf in use to the one that its
    name stands for.
    """

    library: Library
    expression: Callable[[Context, ast.Expr], Expr]
    record: Callable[[Context, ast.Expr], ModelCall | Poison | None]
    findings: list[Diagnostic] = field(default_factory=list)
    reported: set[tuple[str, Span]] = field(default_factory=set)
    index_sizes: dict[Expr, Size] = field(default_factory=dict)
    places: dict[Expr, Span] = field(default_factory=dict)
    sets: dict[Expr, SetUse] = field(default_factory=dict)
    origins: dict[Expr, Expr] = field(default_factory=dict)
    active_fns: tuple[str, ...] = ()
    called_fns: set[int] = field(default_factory=set)  # identities of the declarations
    inlined: dict[tuple[Hashable, ...], Expr] = field(default_factory=dict)  # fn, arguments, place: value
    depth: int = 0
    root: Path | None = None  # the folder that imports may not leave; None for the file's own
    file: Callable[[Session, Source, Path, Path], ModelSymbol | None] = lambda *_: None
    files: tuple[Path, ...] = ()  # this file, and those that import it
    imported: dict[Path, ModelSymbol | None] = field(default_factory=dict)  # shared by all files; None: with errors
    libraries: dict[Model, Library] = field(default_factory=dict)  # of imported models and those within them
    broken: bool = False  # a file that this one imports has errors

    def origin(self, leaf: Expr) -> Expr:
        """The leaf that was made where its name was declared; the expression itself where it is no use of a name."""
        return self.origins.get(leaf, leaf)


@dataclass(frozen=True)
class Context:
    """Where an expression stands. ``facts`` are integer forms that are ≥ 0 here; ``binders`` those in sight."""

    session: Session
    scope: Scope
    block: Block
    facts: tuple[Size, ...] = ()
    binders: tuple[Binder, ...] = ()
    expected: Expected | None = None

    def expression(self, node: ast.Expr, expected: Expected | None = None) -> Expr:
        """The typed expression of a syntax tree; poison, with the cause reported, where it has none."""
        here = self if self.expected is expected else self._with(expected=expected)
        session = self.session
        if session.depth >= MAX_DEPTH:
            return self.give_up(too_deep(node.span, MAX_DEPTH), node.span)
        session.depth += 1
        found = session.expression(here, node)
        session.depth -= 1
        return found

    def _with(self, **changes: Any) -> Context:
        """``replace`` without its checks: there is a context for almost every expression of a file."""
        other = object.__new__(Context)
        other.__dict__.update(self.__dict__, **changes)
        return other

    def record(self, node: ast.Expr) -> ModelCall | Poison | None:
        """The inner model's solution record that an expression names; None where it is none."""
        return self.session.record(self, node)

    def report(self, diagnostic: Diagnostic) -> None:
        """Take down a finding; a second one of the same code at the same place is dropped."""
        key = (diagnostic.code, diagnostic.labels[0].span)
        if key not in self.session.reported:
            self.session.reported.add(key)
            self.session.findings.append(diagnostic)

    def refuse(self, diagnostic: Diagnostic, span: Span) -> Poison:
        """Take down a finding and go on with poison."""
        self.report(diagnostic)
        return poison(span)

    def give_up(self, diagnostic: Diagnostic, span: Span) -> Poison:
        """Refuse what is too large, and say so once: what is around it is too large as well."""
        if all(code != diagnostic.code for code, _ in self.session.reported):
            self.report(diagnostic)
        return poison(span)

    def bounds(self) -> Bounds:
        """The prover for integers at this place."""
        return Bounds(self.session.index_sizes, self.facts, self.binders)

    def within(self, scope: Scope) -> Context:
        """The same place with another scope."""
        return self._with(scope=scope, expected=None)

    def knowing(self, facts: tuple[Size, ...]) -> Context:
        """The same place where more is known of integers."""
        return self._with(facts=self.facts + facts, expected=None)

    def over(self, binders: tuple[Binder, ...], scope: Scope) -> Context:
        """The place inside a clause."""
        return self._with(scope=scope, binders=self.binders + binders, expected=None)

    def find(self, name: str) -> Symbol | None:
        """The symbol of a name in sight."""
        return self.scope.find(name)[0]

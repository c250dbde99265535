"""A model while its statements are resolved, and the rules of declaring a name in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from karush.compiler.dependence import First
from karush.compiler.messages import name_messages
from karush.compiler.model import (
    Choice,
    Constraint,
    Dim,
    DualValue,
    Expr,
    Model,
    Objective,
    Param,
    SaddleObjective,
    Var,
    VarValue,
)
from karush.compiler.names.context import Context
from karush.compiler.names.labels import LabelInfo
from karush.compiler.names.symbols import FnSymbol, PoisonSymbol, Symbol, ValueSymbol, poison
from karush.compiler.resolving.calls import LANGUAGE_NAMES
from karush.dsl import ast
from karush.dsl.placement import RESERVED
from karush.dsl.source import Span


@dataclass
class Draft:
    """What the statements of one model have said so far. ``inner`` is the name of an inner model, None for the file."""

    context: Context
    inner: str | None
    complete: bool  # whether all statements could be read, so that what is absent is really absent
    dims: dict[str, Dim] = field(default_factory=dict)
    params: dict[str, Param] = field(default_factory=dict)
    vars: dict[str, Var] = field(default_factory=dict)
    lets: dict[str, Expr] = field(default_factory=dict)
    objective: Objective | None = None
    saddle: SaddleObjective | None = None
    find: tuple[str, ...] | None = None
    constraints: list[Constraint] = field(default_factory=list)
    using: Choice | None = None
    derivative: Choice | None = None
    rules: dict[str, float | str] = field(default_factory=dict)
    fns: list[FnSymbol] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    first: dict[str, ast.Statement] = field(default_factory=dict)

    # ------------------------------------------------------------ names

    def declare(self, symbol: Symbol, span: Span) -> bool:
        """Give a name its meaning in this scope; False, with the cause reported, where it has one already."""
        context = self.context
        earlier = context.scope.names.get(symbol.name)
        if earlier is not None:
            context.report(name_messages.declared_twice(symbol.name, span, earlier))
            return False
        label = context.block.labels.get(symbol.name)
        role = symbol.role if isinstance(symbol, ValueSymbol) else symbol.word
        if label is not None and role == "var":
            context.report(name_messages.declared_twice(symbol.name, span, label_symbol(label)))
            return False
        if self.is_library_name(symbol.name) and not _is_refused(symbol):
            context.report(name_messages.hides_library(symbol.name, span, role))
        context.scope.names[symbol.name] = symbol
        return True

    def is_library_name(self, name: str) -> bool:
        """Whether the library or the language itself declares a name."""
        sources = self.context.session.library.sources
        return ("atom", name) in sources or ("set", name) in sources or name in LANGUAGE_NAMES

    def poison(self, name: str, span: Span) -> None:
        """Make a name known whose declaration was found wrong."""
        self.context.scope.names.setdefault(name, PoisonSymbol(name, span))

    def label(self, info: LabelInfo) -> bool:
        """Give rows their label; False where a var or other rows have the name."""
        context = self.context
        earlier: Symbol | None = context.scope.names.get(info.name)
        if not (isinstance(earlier, ValueSymbol) and earlier.role == "var"):
            rows = context.block.labels.get(info.name)
            earlier = None if rows is None else label_symbol(rows)
        if earlier is not None:
            context.report(name_messages.declared_twice(info.name, info.span, earlier))
            return False
        context.block.labels[info.name] = info
        return True

    # ------------------------------------------------------------ statements that may stand once

    def once(self, node: ast.Statement, slot: str) -> bool:
        """Whether this is the first statement of its slot; the parser has refused a second one."""
        return self.first.setdefault(slot, node) is node


def _is_refused(symbol: Symbol) -> bool:
    """Whether the parser has refused the name already: that of a field of every solution."""
    return isinstance(symbol, ValueSymbol) and symbol.name in RESERVED


def label_symbol(info: LabelInfo) -> Symbol:
    """A label as a symbol, for name_messages."""
    return ValueSymbol(info.name, info.span, "label", poison(info.span))


def var_in(exprs: Iterable[Expr]) -> Expr | None:
    """The first var that occurs in the expressions."""
    return First(VarValue).below(*exprs)


def dual_in(exprs: Iterable[Expr]) -> Expr | None:
    """The first multiplier that occurs in the expressions."""
    return First(DualValue).below(*exprs)

"""Which name stands for what, by the syntax tree alone.

The compiler resolves names while it finds shapes, and stops in a statement at its first error. An editor needs every
name of a file, in whatever state the file is: so this pass goes over the whole tree, by the same rules of scope. A
name declared further down counts too, so that one can go to it. The tests rename every name of every example and
compare what the compiler makes of both texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from karush.dsl import ast
from karush.dsl.source import Span
from karush.dsl.tokens import name_of
from karush.lsp.bind_expressions import ExpressionBinder, words_in
from karush.lsp.entities import Entity, Level, Role, Use


@dataclass
class Bindings:
    """The names of a file: the outermost scope, and all uses in the order of the text."""

    file: Level
    uses: list[Use] = field(default_factory=list)

    def at(self, offset: int) -> Use | None:
        """What is named at a place; behind the last letter counts too."""
        touching = [use for use in self.uses if use.span.start <= offset <= use.span.end]
        return min(touching, key=lambda use: (use.span.end == offset, use.span.end - use.span.start), default=None)

    def of(self, entity: Entity) -> list[Use]:
        """All places that name an entity, its declaration included."""
        return [use for use in self.uses if use.entity is entity]

    def entities(self) -> Iterable[Entity]:
        """All declared names, in the order of the text."""
        return (use.entity for use in self.uses if use.declares and use.entity is not None)


def bind(module: ast.Module) -> Bindings:
    """The names of a file."""
    result = Bindings(Level("file", 0, len(module.source.text)))
    _StatementBinder(result.uses).block(module.statements, result.file)
    result.uses.sort(key=lambda use: (use.span.start, use.span.end))
    return result


class _StatementBinder(ExpressionBinder):
    """Goes over the statements: first all names of a block, then what they say."""

    # ------------------------------------------------------------ blocks

    def block(self, body: tuple[ast.Statement, ...], level: Level) -> None:
        """The statements of the file, or of a block."""
        for statement in body:
            self.names_of(statement, level)
        for statement in body:
            inside = _STATEMENTS.get(type(statement))
            if inside is not None:
                inside(self, statement, level)

    def item(self, level: Level, item: ast.Declaration, role: Role, statement: ast.Statement) -> Entity:
        doc = item.doc or (statement.doc if isinstance(statement, ast.Dim | ast.Param | ast.Var) else None)
        return self.declare(level, item.name, role, item.name_span, item, statement, doc)

    def names_of(self, statement: ast.Statement, level: Level) -> None:
        """Declare the names of a statement in its block."""
        match statement:
            case ast.Dim() | ast.Param() | ast.Var():
                role = Role(type(statement).__name__.lower())
                for item in statement.items:
                    self.item(level, item, role, statement)
            case ast.Let():
                entity = self.named(statement, Role.LET, level)
                self.records[entity] = statement.value
            case ast.Fn() | ast.ModelBlock() | ast.AtomDeclaration() | ast.SetDeclaration():
                self.named(statement, _BLOCK_ROLES[type(statement)], level)
            case ast.Import():
                self.alias(statement, level)
            case ast.Constraint(label=str(label), label_span=Span() as span):
                self.declare(level, label, Role.LABEL, span, statement, statement, statement.doc)
            case ast.Objective(label=str(label)) | ast.Saddle(label=str(label)):
                span = words_in(statement.span)[1]
                self.declare(level, label, Role.LABEL, span, statement, statement, statement.doc)

    def named(self, node: Any, role: Role, level: Level) -> Entity:
        return self.declare(level, node.name, role, node.name_span, node, node, node.doc)

    def alias(self, node: ast.Import, level: Level) -> None:
        """The name of an import: its alias, else the last part of a module, else the stem of a path."""
        if node.alias is not None or node.module is not None:
            span = words_in(node.span)[-1]
            self.declare(level, name_of(span.text), Role.IMPORT, span, node, node, node.doc)
        elif node.path:
            start = node.span.start + node.span.text.find('"')
            span = Span(node.span.source, start, node.span.end)
            self.declare(level, PurePosixPath(node.path).stem, Role.IMPORT, span, node, node, node.doc)

    # ------------------------------------------------------------ statements

    def declarations(self, node: ast.Dim | ast.Param | ast.Var, level: Level) -> None:
        for item in node.items:
            self.declaration(item, level)

    def declaration(self, item: ast.Declaration, level: Level) -> None:
        for size in item.sizes:
            self.expression(size, level)
        self.set_and_default(item, level)

    def set_and_default(self, item: ast.Declaration, level: Level) -> None:
        if item.set is not None:
            self.set_use(item.set, level)
        if item.default is not None:
            self.expression(item.default, level)

    def header(self, header: tuple[ast.Declaration, ...], level: Level, statement: ast.Statement, role: Role) -> None:
        """The names of a header and the sizes that it binds; sets and defaults are read when all are known."""
        for item in header:
            for name in (name for size in item.sizes for name in _size_names(size)):
                if name.id in level.names:
                    self.use(level, name.span, name.id)
                else:
                    self.declare(level, name.id, Role.DIM, name.span, item, statement, None)
            self.item(level, item, role, statement)
        for item in header:
            self.set_and_default(item, level)

    def fn(self, node: ast.Fn, level: Level) -> None:
        inside = self.inside("fn", node, level)
        self.header(node.header, inside, node, Role.ARGUMENT)
        self.block(node.body, inside)

    def model(self, node: ast.ModelBlock, level: Level) -> None:
        inside = self.inside("model", node, level)
        self.header(node.header, inside, node, Role.PARAM)
        self.block(node.body, inside)

    def inside(self, kind: str, node: Any, level: Level) -> Level:
        """The scope within a block; known by the name of the block, for its fields and named arguments."""
        found = level.within(kind, node.span)
        entity = level.names[node.name]
        if entity.node is node:
            self.levels[entity] = found
        return found

    def set_declaration(self, node: ast.SetDeclaration, level: Level) -> None:
        inside = self.inside("atom", node, level)
        self.header((*node.header, node.element), inside, node, Role.ARGUMENT)
        self.expression(node.condition, inside)

    def atom(self, node: ast.AtomDeclaration, level: Level) -> None:
        inside = self.inside("atom", node, level)
        self.header(node.header, inside, node, Role.ARGUMENT)
        for clause in node.clauses:
            self.atom_clause(clause, inside)

    def atom_clause(self, clause: ast.Statement, level: Level) -> None:
        match clause:
            case ast.AtomValue(value=ast.Expr() as value):
                self.expression(value, level)
            case ast.AtomRange():
                self.set_use(clause.set, level)
            case ast.AtomCurvature():
                self.clause_names(words_in(clause.span)[2:], clause.names, level)
            case ast.AtomMonotonicity():
                self.clause_names(words_in(clause.span)[2:], clause.names, level)
                for binder in clause.clause.binders if clause.clause else ():
                    self.clause_names(words_in(binder.span), (binder.name,), level)
                    if binder.domain is not None:
                        self.set_use(binder.domain, level)
            case ast.AtomRule():
                self.clause_names(words_in(clause.span)[1:], (clause.name,), level)
                self.expression(clause.value, level)
            case ast.AtomGraph():
                self.block(clause.body, level.within("graph", clause.span))
            case ast.AtomProx():
                inside = level.within("clause", clause.span)
                span = words_in(clause.span)[1]
                self.declare(inside, clause.step, Role.ARGUMENT, span, clause, clause, None)
                self.expression(clause.value, inside)

    def clause_names(self, words: list[Span], names: tuple[str, ...], level: Level) -> None:
        """Names of the header in a clause of an atom: the first words that spell them."""
        for name, span in zip(names, words, strict=False):
            self.use(level, span, name)

    def objective(self, node: ast.Objective, level: Level) -> None:
        self.expression(node.value, level)

    def saddle(self, node: ast.Saddle, level: Level) -> None:
        self.expression(node.value, level)
        for name in (*node.minimized, *node.maximized):
            self.use(level, name.span, name.id)

    def find(self, node: ast.Find, level: Level) -> None:
        for name in node.unknowns:
            self.use(level, name.span, name.id)

    def constraint(self, node: ast.Constraint, level: Level) -> None:
        inside = self.clause(node.clause, level, node)
        self.expression(node.relation, inside)

    def value(self, node: ast.Let | ast.Return, level: Level) -> None:
        self.expression(node.value, level)

    def derivative(self, node: ast.Derivative, level: Level) -> None:
        """The atoms of ``derivative rule(relu = 0.5)``; other options are words."""
        for option in node.options if node.name == "rule" else ():
            if option.name is not None:
                self.use(level, words_in(option.span)[0], option.name, "atom")


def _size_names(node: ast.Expr) -> list[ast.Name]:
    """The names in a size."""
    match node:
        case ast.Name():
            return [node]
        case ast.Unary():
            return _size_names(node.operand)
        case ast.Binary():
            return _size_names(node.left) + _size_names(node.right)
    return []


_BLOCK_ROLES = {
    ast.Fn: Role.FN,
    ast.ModelBlock: Role.MODEL,
    ast.AtomDeclaration: Role.ATOM,
    ast.SetDeclaration: Role.SET,
}

_STATEMENTS: dict[type, Callable[[_StatementBinder, Any, Level], None]] = {
    ast.Dim: _StatementBinder.declarations,
    ast.Param: _StatementBinder.declarations,
    ast.Var: _StatementBinder.declarations,
    ast.Let: _StatementBinder.value,
    ast.Return: _StatementBinder.value,
    ast.Fn: _StatementBinder.fn,
    ast.ModelBlock: _StatementBinder.model,
    ast.SetDeclaration: _StatementBinder.set_declaration,
    ast.AtomDeclaration: _StatementBinder.atom,
    ast.Objective: _StatementBinder.objective,
    ast.Saddle: _StatementBinder.saddle,
    ast.Find: _StatementBinder.find,
    ast.Constraint: _StatementBinder.constraint,
    ast.Derivative: _StatementBinder.derivative,
}

"""Names in expressions and clauses: what each stands for where it stands."""

from __future__ import annotations

import re

from karush.dsl import ast
from karush.dsl.source import Span
from karush.lsp.entities import Entity, Level, Role, Use

_WORD = re.compile(r"#[^\n]*|[^\W\d]\w*")
RECORD_FIELDS = ("objective", "status", "dual")
"""What a solution record has beside vars and lets."""


def words_in(span: Span) -> list[Span]:
    """The words in a piece of text, comments left out."""
    found = (match for match in _WORD.finditer(span.source.text, span.start, span.end) if match[0][0] != "#")
    return [Span(span.source, match.start(), match.end()) for match in found]


class ExpressionBinder:
    """Takes down what the names of expressions stand for. ``uses`` is what has been found."""

    def __init__(self, uses: list[Use]) -> None:
        self.uses = uses
        self.records: dict[Entity, ast.Expr] = {}  # lets, with their values: they may name a solution record
        self.levels: dict[Entity, Level] = {}  # the scopes inside fns, models, atoms and sets

    # ------------------------------------------------------------ declaring

    def declare(
        self, level: Level, name: str, role: Role, span: Span, node: ast.Node, statement: ast.Node, doc: str | None
    ) -> Entity:
        """Give a name its meaning. The first declaration counts; a second one is an entity that nothing uses."""
        entity = Entity(name, role, span, node, level, statement, doc)
        table = level.labels if role is Role.LABEL else level.names
        table.setdefault(name, entity)
        self.uses.append(Use(span, entity, declares=True))
        return entity

    def use(self, level: Level, span: Span, name: str, kind: str = "unknown") -> Entity | None:
        """Take down a name in use; the answer is what it stands for."""
        entity = level.find(name)
        self.uses.append(Use(span, entity, kind))
        return entity

    # ------------------------------------------------------------ clauses

    def clause(self, clause: ast.Clause | None, level: Level, around: ast.Node) -> Level:
        """The scope of a clause, with its binders; without one the scope around it."""
        if clause is None:
            return level
        inside = level.within("clause", around.span)
        for binder in clause.binders:
            for size in binder.sizes or ():
                self.expression(size, inside)
            role = Role.BINDER if binder.sizes is None and binder.domain is not None else Role.UNKNOWN
            if binder.domain is not None:
                (self.expression if role is Role.BINDER else self.set_use)(binder.domain, inside)
            self.declare(inside, binder.name, role, words_in(binder.span)[0], binder, clause, None)
        if clause.condition is not None:
            self.expression(clause.condition, inside)
        return inside

    # ------------------------------------------------------------ expressions

    def set_use(self, node: ast.Expr, level: Level) -> None:
        """A set after ``in``."""
        function = node.function if isinstance(node, ast.Call) else node
        if not isinstance(function, ast.Name):
            self.expression(node, level)
            return
        self.use(level, function.span, function.id, "set")
        for argument in node.arguments if isinstance(node, ast.Call) else ():
            self.expression(argument.value, level)

    def expression(self, node: ast.Expr | ast.Slice, level: Level) -> None:
        """Everything within an expression; a chain of operators leans to the left and is walked with a loop."""
        pending: list[tuple[ast.Node, Level]] = [(node, level)]
        while pending:
            part, here = pending.pop()
            match part:
                case ast.Name():
                    self.use(here, part.span, part.id)
                case ast.Call():
                    self.call(part, here)
                case ast.Attribute():
                    self.attribute(part, here)
                case ast.Membership():
                    self.expression(part.value, here)
                    self.set_use(part.set, here)
                case ast.Comprehension():
                    pending.append((part.body, self.clause(part.clause, here, part)))
                case _:
                    pending += [(child, here) for child in _children(part)]

    def call(self, node: ast.Call, level: Level) -> None:
        """``function(arguments)``, ``function(argument for …)``."""
        inside = self.clause(node.clause, level, node)
        callee = None
        if isinstance(node.function, ast.Name):
            callee = self.use(level, node.function.span, node.function.id, "atom")
        else:
            self.expression(node.function, level)
        if callee is None and isinstance(node.function, ast.Name) and node.function.id == "dual":
            self.dual(node, level)
            return
        for argument in node.arguments:
            if argument.name is not None:
                self.argument_name(argument, callee)
            self.expression(argument.value, inside)

    def argument_name(self, argument: ast.Argument, callee: Entity | None) -> None:
        """The name in ``f(name = value)`` is one of the header of f."""
        inside = self.levels.get(callee) if callee is not None else None
        entity = inside.names.get(argument.name or "") if inside is not None else None
        self.uses.append(Use(words_in(argument.span)[0], entity, "field"))

    def dual(self, node: ast.Call, level: Level) -> None:
        """``dual(label)``, ``dual(label.lower)``."""
        for argument in node.arguments:
            value = argument.value
            name = value.value if isinstance(value, ast.Attribute) else value
            if isinstance(name, ast.Name):
                self.uses.append(Use(name.span, level.find_label(name.id), "label"))
            else:
                self.expression(value, level)

    def attribute(self, node: ast.Attribute, level: Level) -> None:
        """``record.W``, ``record.dual.margin.lower``, ``X.T``."""
        path: list[ast.Attribute] = []
        base: ast.Expr = node
        while isinstance(base, ast.Attribute):
            path.append(base)
            base = base.value
        self.expression(base, level)
        model = self.record(base, level)
        if model is None:
            return
        path.reverse()
        inside = self.levels[model]
        if path[0].name == "dual":
            if len(path) > 1:
                self.field(path[1], inside.find_label(path[1].name))
        elif path[0].name not in RECORD_FIELDS:
            self.field(path[0], inside.names.get(path[0].name))

    def field(self, node: ast.Attribute, entity: Entity | None) -> None:
        """The name of a field is the last word of what was written."""
        self.uses.append(Use(words_in(node.span)[-1], entity, "field"))

    def record(self, node: ast.Expr, level: Level) -> Entity | None:
        """The inner model whose solution record an expression is."""
        if isinstance(node, ast.Name):
            entity = level.find(node.id)
            value = self.records.get(entity) if entity is not None else None
            return self.record(value, entity.level) if entity is not None and isinstance(value, ast.Call) else None
        if isinstance(node, ast.Call) and isinstance(node.function, ast.Name):
            entity = level.find(node.function.id)
            return entity if entity is not None and entity.role is Role.MODEL and entity in self.levels else None
        return None


def _children(node: ast.Node) -> list[ast.Node]:
    """The parts of a node that names nothing itself, last first."""
    found: list[ast.Node] = []
    for part in vars(node).values():
        if isinstance(part, ast.Node):
            found.append(part)
        elif isinstance(part, tuple):
            found += [item for item in part if isinstance(item, ast.Node)]
    return found

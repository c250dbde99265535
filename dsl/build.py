"""Parse trees of statements to the syntax tree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import Token
from lark.tree import Meta

from karush.dsl import ast
from karush.dsl.build_expressions import ExpressionBuilder
from karush.dsl.source import Source
from karush.dsl.tokens import name_of


class StatementBuilder(ExpressionBuilder):
    """Builds one statement, one method a rule of the grammar.

    ``docs`` says which ``##`` text belongs to which line; ``body`` are the statements of the statement's block,
    which are built before it.
    """

    def __init__(self, source: Source, docs: dict[int, str], body: tuple[ast.Statement, ...]) -> None:
        super().__init__(source)
        self.docs = docs
        self.body = body

    def declared(self, meta: Meta, name: Token) -> dict[str, Any]:
        """Place and documentation of a name declared in a list or a header."""
        doc = self.docs.get(name.line or 0)
        return {"name_span": self.token_span(name), "doc": doc, "span": self.span(meta)}

    def named_statement(self, meta: Meta, name: Token) -> dict[str, Any]:
        """Place of a statement that declares one name, and of the name."""
        return {"name_span": self.token_span(name), "span": self.span(meta)}

    # ------------------------------------------------------------ declarations

    def dim(self, meta: Meta, children: list[ast.Declaration]) -> ast.Dim:
        return ast.Dim(tuple(children), span=self.span(meta))

    def dim_item(self, meta: Meta, children: list[Any]) -> ast.Declaration:
        name, default = children
        return ast.Declaration(name_of(name), (), None, default, **self.declared(meta, name))

    def param(self, meta: Meta, children: list[ast.Declaration]) -> ast.Param:
        return ast.Param(tuple(children), span=self.span(meta))

    def var(self, meta: Meta, children: list[ast.Declaration]) -> ast.Var:
        return ast.Var(tuple(children), span=self.span(meta))

    def declaration(self, meta: Meta, children: list[Any]) -> ast.Declaration:
        name, sizes, within, default = children
        return ast.Declaration(name_of(name), sizes or (), within, default, **self.declared(meta, name))

    def header(self, meta: Meta, children: list[ast.Declaration | None]) -> tuple[ast.Declaration, ...]:
        """What stands at the end of a header's first line documents the statement, not the header's names."""
        items = [item for item in children if item is not None]
        return tuple(replace(item, doc=None) if item.span.line == meta.line else item for item in items)

    def let(self, meta: Meta, children: list[Any]) -> ast.Let:
        name, value = children
        return ast.Let(name_of(name), value, **self.named_statement(meta, name))

    def return_value(self, meta: Meta, children: list[ast.Expr]) -> ast.Return:
        return ast.Return(children[0], span=self.span(meta))

    def fn_expression(self, meta: Meta, children: list[Any]) -> ast.Fn:
        name, header, value = children
        body = (ast.Return(value, span=value.span),)
        return ast.Fn(name_of(name), header, body, **self.named_statement(meta, name))

    def fn_block(self, meta: Meta, children: list[Any]) -> ast.Fn:
        name, header = children
        body = tuple(statement for statement in self.body if isinstance(statement, ast.Let | ast.Return))
        return ast.Fn(name_of(name), header, body, **self.named_statement(meta, name))

    def model(self, meta: Meta, children: list[Any]) -> ast.ModelBlock:
        name, header = children
        return ast.ModelBlock(name_of(name), header, self.body, **self.named_statement(meta, name))

    def set_declaration(self, meta: Meta, children: list[Any]) -> ast.SetDeclaration:
        name, header, element, condition = children
        element = replace(element, doc=None)
        place = self.named_statement(meta, name)
        return ast.SetDeclaration(name_of(name), header or (), element, condition, **place)

    def import_path(self, meta: Meta, children: list[Any]) -> ast.Import:
        path, alias = children
        return ast.Import(path[1:-1], None, alias and name_of(alias), span=self.span(meta))

    def import_module(self, meta: Meta, children: list[Any]) -> ast.Import:
        module, alias = children
        return ast.Import(None, module, alias and name_of(alias), span=self.span(meta))

    def module_path(self, meta: Meta, children: list[Token]) -> tuple[str, ...]:
        return tuple(name_of(name) for name in children)

    # ------------------------------------------------------------ the problem

    def minimize(self, meta: Meta, children: list[Any]) -> ast.Objective:
        label, value = children
        return ast.Objective("minimize", label and name_of(label), value, span=self.span(meta))

    def maximize(self, meta: Meta, children: list[Any]) -> ast.Objective:
        label, value = children
        return ast.Objective("maximize", label and name_of(label), value, span=self.span(meta))

    def saddle(self, meta: Meta, children: list[Any]) -> ast.Saddle:
        label, value, minimized, maximized = children
        return ast.Saddle(label and name_of(label), value, minimized, maximized, span=self.span(meta))

    def label(self, meta: Meta, children: list[Token]) -> Token:
        return children[0]

    def names(self, meta: Meta, children: list[ast.Name]) -> tuple[ast.Name, ...]:
        return tuple(children)

    def find(self, meta: Meta, children: list[tuple[ast.Name, ...]]) -> ast.Find:
        return ast.Find(children[0], span=self.span(meta))

    def subject_to(self, meta: Meta, children: list[Token]) -> ast.SubjectTo:
        return ast.SubjectTo(span=self.span(meta))

    def constraint(self, meta: Meta, children: list[Any]) -> ast.Constraint:
        label, relation, clause = children
        if clause is not None:
            self.check_binders(clause)
        place = None if label is None else self.token_span(label)
        name = label and name_of(label)
        return ast.Constraint(name, relation, clause, label_span=place, span=self.span(meta))

    def using(self, meta: Meta, children: list[Any]) -> ast.Using:
        name, options = children
        return ast.Using(name_of(name), options or (), span=self.span(meta))

    def derivative(self, meta: Meta, children: list[Any]) -> ast.Derivative:
        name, options = children
        return ast.Derivative(name_of(name), options or (), span=self.span(meta))

    def options(self, meta: Meta, children: list[Any]) -> tuple[ast.Argument, ...]:
        return children[0] or ()

    # ------------------------------------------------------------ atoms

    def atom(self, meta: Meta, children: list[Any]) -> ast.AtomDeclaration:
        name, header = children
        return ast.AtomDeclaration(name_of(name), header, self.body, **self.named_statement(meta, name))

    def atom_value_expression(self, meta: Meta, children: list[ast.Expr]) -> ast.AtomValue:
        return ast.AtomValue(children[0], None, span=self.span(meta))

    def atom_value_primitive(self, meta: Meta, children: list[Token]) -> ast.AtomValue:
        return ast.AtomValue(None, children[0][1:-1], span=self.span(meta))

    def atom_range(self, meta: Meta, children: list[ast.Expr]) -> ast.AtomRange:
        return ast.AtomRange(children[0], span=self.span(meta))

    def atom_curvature(self, meta: Meta, children: list[Any]) -> ast.AtomCurvature:
        word, names = children
        return ast.AtomCurvature(str(word), tuple(name.id for name in names), span=self.span(meta))

    def atom_monotonicity(self, meta: Meta, children: list[Any]) -> ast.AtomMonotonicity:
        word, names, clause = children
        return ast.AtomMonotonicity(str(word), tuple(name.id for name in names), clause, span=self.span(meta))

    def atom_rule(self, meta: Meta, children: list[Any]) -> ast.AtomRule:
        name, value = children
        return ast.AtomRule(name_of(name), value, span=self.span(meta))

    def atom_graph(self, meta: Meta, children: list[Any]) -> ast.AtomGraph:
        return ast.AtomGraph(self.body, span=self.span(meta))

    def atom_prox_expression(self, meta: Meta, children: list[Any]) -> ast.AtomProx:
        step, value = children
        return ast.AtomProx(name_of(step), value, span=self.span(meta))

    def atom_prox_primitive(self, meta: Meta, children: list[Token]) -> ast.AtomProx:
        step, text = children
        name = ast.String(text[1:-1], span=self.token_span(text))
        return ast.AtomProx(name_of(step), name, span=self.span(meta))

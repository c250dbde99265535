"""The syntax tree to text: ``parse(unparse_module(x))`` equals ``x``.

For trees that no text was read for; what a person wrote is printed by format.py, with its comments.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from karush.dsl import ast

INDENT = "  "

# How tightly an expression binds; an operand that binds less than its place asks for stands in parentheses.
_IF, _OR, _AND, _NOT, _RELATION, _COMPARE, _SUM, _PRODUCT, _SIGN, _POWER, _POSTFIX = range(11)
_BINARY = {
    "or": (_OR, _OR, _AND),
    "and": (_AND, _AND, _NOT),
    "+": (_SUM, _SUM, _PRODUCT),
    "-": (_SUM, _SUM, _PRODUCT),
    "*": (_PRODUCT, _PRODUCT, _SIGN),
    "/": (_PRODUCT, _PRODUCT, _SIGN),
    "@": (_PRODUCT, _PRODUCT, _SIGN),
    "^": (_POWER, _POSTFIX, _SIGN),
}
"""Operator: how tightly it binds, and what its left and its right operand must bind at least."""


def unparse_expr(expr: ast.Expr) -> str:
    """An expression on one line, with no more parentheses than it needs."""
    return _expr(expr, _IF)


def unparse_module(module: ast.Module) -> str:
    """A whole file; it ends with a line end unless it is empty."""
    return "".join(f"{line}\n" for line in _block(module.statements, ""))


def unparse_statement(statement: ast.Statement) -> str:
    """One statement, several lines where it has a block."""
    return "\n".join(_statement(statement, ""))


# ---------------------------------------------------------------- expressions


def _expr(expr: ast.Expr, least: int) -> str:
    level, text = _bound(expr)
    return text if level >= least else f"({text})"


def _bound(expr: ast.Expr) -> tuple[int, str]:
    """How tightly an expression binds, and its text without parentheses around it."""
    match expr:
        case ast.Number() | ast.Boolean() | ast.String() | ast.Name():
            return _POSTFIX, _leaf(expr)
        case ast.Binary() | ast.Unary() | ast.Compare() | ast.Membership() | ast.Perp() | ast.IfElse():
            return _operation(expr)
        case ast.Attribute(value=value, name=name):
            return _POSTFIX, f"{_expr(value, _POSTFIX)}.{name}"
        case ast.Index(value=value, indices=indices):
            inner = ", ".join(_slice(i) if isinstance(i, ast.Slice) else unparse_expr(i) for i in indices)
            return _POSTFIX, f"{_expr(value, _POSTFIX)}[{inner}]"
        case ast.Call(function=function, arguments=arguments, clause=clause):
            return _POSTFIX, f"{_expr(function, _POSTFIX)}({_arguments(arguments)}{_clause(clause)})"
        case ast.Array(items=items):
            return _POSTFIX, f"[{', '.join(map(unparse_expr, items))}]"
        case ast.Comprehension(body=body, clause=clause):
            return _POSTFIX, f"[{unparse_expr(body)}{_clause(clause)}]"
    raise TypeError(f"no expression: {expr!r}")


def _leaf(expr: ast.Number | ast.Boolean | ast.String | ast.Name) -> str:
    match expr:
        case ast.Number(value=value):
            return repr(value)
        case ast.Boolean(value=value):
            return "true" if value else "false"
        case ast.String(value=value):
            return f'"{value}"'
        case ast.Name(id=name):
            return name


def _operation(expr: ast.Expr) -> tuple[int, str]:
    match expr:
        case ast.Binary(operator=operator, left=left, right=right):
            level, on_left, on_right = _BINARY[operator]
            blank = "" if operator == "^" else " "
            return level, f"{_expr(left, on_left)}{blank}{operator}{blank}{_expr(right, on_right)}"
        case ast.Unary(operator="not", operand=operand):
            return _NOT, f"not {_expr(operand, _NOT)}"
        case ast.Unary(operator=operator, operand=operand):
            return _SIGN, f"{operator}{_expr(operand, _SIGN)}"
        case ast.Compare(operands=operands, operators=operators):
            parts = [_expr(operands[0], _SUM)]
            for operator, operand in zip(operators, operands[1:], strict=True):
                parts += [operator, _expr(operand, _SUM)]
            return _COMPARE, " ".join(parts)
        case ast.Membership(value=value, set=within):
            return _RELATION, f"{_expr(value, _SUM)} in {_expr(within, _SUM)}"
        case ast.Perp(left=left, right=right):
            return _RELATION, f"{_expr(left, _COMPARE)} perp {_expr(right, _COMPARE)}"
        case ast.IfElse(condition=condition, then=then, orelse=orelse):
            return _IF, f"if {_expr(condition, _OR)} then {_expr(then, _OR)} else {unparse_expr(orelse)}"
    raise TypeError(f"no operation: {expr!r}")


def _slice(piece: ast.Slice) -> str:
    lower, upper = ("" if end is None else unparse_expr(end) for end in (piece.lower, piece.upper))
    return f"{lower}:{upper}"


def _arguments(arguments: Iterable[ast.Argument]) -> str:
    return ", ".join(
        unparse_expr(a.value) if a.name is None else f"{a.name} = {unparse_expr(a.value)}" for a in arguments
    )


def _clause(clause: ast.Clause | None) -> str:
    """A clause with the blank before it; nothing where there is none."""
    if clause is None:
        return ""
    condition = "" if clause.condition is None else f" if {unparse_expr(clause.condition)}"
    return f" for {', '.join(map(_binder, clause.binders))}{condition}"


def _binder(binder: ast.Binder) -> str:
    return f"{binder.name}{_sizes(binder.sizes or ())}{_within(binder.domain)}"


def _sizes(sizes: Sequence[ast.Expr]) -> str:
    return f"[{', '.join(_expr(size, _SUM) for size in sizes)}]" if sizes else ""


def _within(domain: ast.Expr | None) -> str:
    return "" if domain is None else f" in {_expr(domain, _SUM)}"


# ---------------------------------------------------------------- statements


def _block(statements: Sequence[ast.Statement], indent: str) -> Iterator[str]:
    """The lines of a list of statements.

    What stands between ``subject to`` and the last constraint is indented alike: a constraint further right than
    a `let` before it would continue the `let`.
    """
    last = max((n for n, s in enumerate(statements) if isinstance(s, ast.Constraint)), default=-1)
    inner = indent
    for number, statement in enumerate(statements):
        yield from _statement(statement, inner if number <= last else indent)
        if isinstance(statement, ast.SubjectTo):
            inner = indent + INDENT


def _statement(statement: ast.Statement, indent: str) -> Iterator[str]:
    match statement:
        case ast.Fn(body=(ast.Return(value=value),)):
            yield f"{indent}fn {statement.name}{_header(statement.header)} = {unparse_expr(value)}"
        case ast.Fn(body=body):
            yield from _braced(f"fn {statement.name}{_header(statement.header)}", body, indent)
        case ast.ModelBlock(body=body):
            yield from _braced(f"model {statement.name}{_header(statement.header)}", body, indent)
        case ast.AtomDeclaration(clauses=clauses):
            yield from _braced(f"atom {statement.name}{_header(statement.header)}", clauses, indent)
        case ast.AtomGraph(body=body):
            yield from _braced("graph", body, indent)
        case _:
            yield indent + (_declaring(statement) or _problem(statement) or _atom_clause(statement))


def _braced(head: str, body: Sequence[ast.Statement], indent: str) -> Iterator[str]:
    yield f"{indent}{head} {{"
    yield from _block(body, indent + INDENT)
    yield indent + "}"


def _header(header: Sequence[ast.Declaration]) -> str:
    return f"({', '.join(map(_declaration, header))})"


def _declaration(item: ast.Declaration) -> str:
    default = "" if item.default is None else f" = {unparse_expr(item.default)}"
    return f"{item.name}{_sizes(item.sizes)}{_within(item.set)}{default}"


def _declaring(statement: ast.Statement) -> str:
    """A statement that declares names, without a block; the empty string for others."""
    match statement:
        case ast.Dim(items=items) | ast.Param(items=items) | ast.Var(items=items):
            return f"{type(statement).__name__.lower()} {', '.join(map(_declaration, items))}"
        case ast.Let(name=name, value=value):
            return f"let {name} = {unparse_expr(value)}"
        case ast.Return(value=value):
            return f"return {unparse_expr(value)}"
        case ast.SetDeclaration(name=name, header=header, element=element, condition=condition):
            head = f"set {name}{_header(header) if header else ''}"
            return f"{head} = {{{_declaration(element)} : {unparse_expr(condition)}}}"
        case ast.Import(path=path, module=module, alias=alias):
            what = f'"{path}"' if module is None else ".".join(module)
            return f"import {what}{'' if alias is None else f' as {alias}'}"
    return ""


def _problem(statement: ast.Statement) -> str:
    """A statement about the problem; the empty string for others."""
    match statement:
        case ast.Objective(sense=sense, label=label, value=value):
            return f"{sense} {_label(label)}{unparse_expr(value)}"
        case ast.Saddle(label=label, value=value, minimized=minimized, maximized=maximized):
            sides = f"over {_names(minimized)} maximize over {_names(maximized)}"
            return f"minimize {_label(label)}{unparse_expr(value)} {sides}"
        case ast.Find(unknowns=unknowns):
            return f"find {_names(unknowns)}"
        case ast.SubjectTo():
            return "subject to"
        case ast.Constraint(label=label, relation=relation, clause=clause):
            return f"{_label(label)}{unparse_expr(relation)}{_clause(clause)}"
        case ast.Using(name=name, options=options) | ast.Derivative(name=name, options=options):
            what = f"{name}({_arguments(options)})" if options else name
            return f"{type(statement).__name__.lower()} {what}"
    return ""


def _label(label: str | None) -> str:
    return "" if label is None else f"{label}: "


def _names(names: Iterable[ast.Name]) -> str:
    return ", ".join(name.id for name in names)


def _atom_clause(statement: ast.Statement) -> str:
    match statement:
        case ast.AtomValue(value=None, primitive=primitive):
            return f'value = primitive "{primitive}"'
        case ast.AtomValue(value=ast.Expr() as value):
            return f"value = {unparse_expr(value)}"
        case ast.AtomRange(set=within):
            return f"range {_expr(within, _SUM)}"
        case ast.AtomCurvature(curvature=word, names=names):
            return f"{word} in {', '.join(names)}"
        case ast.AtomMonotonicity(monotonicity=word, names=names, clause=clause):
            return f"{word} in {', '.join(names)}{_clause(clause)}"
        case ast.AtomRule(name=name, value=value):
            return f"rule {name} = {unparse_expr(value)}"
        case ast.AtomProx(step=step, value=ast.String(value=primitive)):
            return f'prox({step}) = primitive "{primitive}"'
        case ast.AtomProx(step=step, value=value):
            return f"prox({step}) = {unparse_expr(value)}"
    raise TypeError(f"no statement: {statement!r}")

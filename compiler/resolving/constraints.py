"""Constraints: chains of comparisons, membership in sets, complementarity; over the binders of a clause."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.messages import form_messages, shape_messages
from karush.compiler.model import Complementarity, Constraint, Expr, InSet, Relation
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison
from karush.compiler.resolving.clauses import ResolvedClause, resolve_clause
from karush.compiler.resolving.declared_sets import conjuncts, declared_set, inside
from karush.compiler.resolving.operators import common_shape, is_number
from karush.compiler.resolving.sets import resolve_set
from karush.dsl import ast
from karush.dsl.source import Span


def resolve_constraint(context: Context, node: ast.Constraint) -> tuple[Constraint, ...] | None:
    """The typed constraints of a statement, several for a set that the file declares; None after a finding."""
    sound = _well_formed(node.relation)
    clause = resolve_clause(context, node.clause)
    match node.relation:
        case ast.Compare():
            found: Constraint | None = _relation(clause, node, node.relation)
        case ast.Membership():
            return membership(clause, node.label, node.relation) if clause.sound else None
        case ast.Perp():
            found = _complementarity(clause, node, node.relation)
        case _:
            return None
    return (found,) if found is not None and sound and clause.sound else None


def _well_formed(relation: ast.Expr) -> bool:
    """Whether the operators make a constraint; the parser has said so already where they do not."""
    match relation:
        case ast.Compare():
            return len(relation.operators) <= 2 and set(relation.operators) in ({"=="}, {"<="}, {">="})
        case ast.Perp(left=left, right=right):
            return all(not isinstance(side, ast.Compare) or _well_formed(side) for side in (left, right))
    return isinstance(relation, ast.Membership)


# ---------------------------------------------------------------- relations


def _operands(context: Context, node: ast.Compare) -> tuple[Expr, ...] | None:
    """The sides of a chain, of one shape; None after a finding. Each knows what stands beside it."""
    found: list[Expr] = []
    for place, operand in enumerate(node.operands):
        beside = node.operands[place - 1] if place else node.operands[1]

        def look(other: ast.Expr = beside) -> tuple | None:
            value = context.expression(other)
            return None if isinstance(value, Poison) else (value.shape, other.span.text)

        found.append(context.expression(operand, look))
    if any(isinstance(o, Poison) for o in found) or not all(is_number(context, o) for o in found):
        return None
    return None if common_shape(context, node, found) is None else tuple(found)


def _relation(clause: ResolvedClause, node: ast.Constraint, chain: ast.Compare) -> Relation | None:
    operands = _operands(clause.context, chain)
    if operands is None:
        return None
    return Relation(node.label, clause.binders, clause.condition, operands, chain.operators, chain.span)


def membership(clause: ResolvedClause, label: str | None, member: ast.Membership) -> tuple[Constraint, ...] | None:
    """``e in S``: one constraint, or the rows of a set that the file declares."""
    value = clause.context.expression(member.value)
    if isinstance(value, Poison) or not is_number(clause.context, value):
        return None
    return member_rows(clause, label, member.set, value, member.span)


def member_rows(
    clause: ResolvedClause, label: str | None, node: ast.Expr, value: Expr, span: Span
) -> tuple[Constraint, ...] | None:
    """``value in S`` where the set is the expression ``node``; several rows are called ``label.0``, ``label.1``, …"""
    context = clause.context
    use = resolve_set(context, node, value.shape, "constraint")
    if use is None:
        return None
    symbol = declared_set(context, node)
    if symbol is None:
        return (InSet(label, clause.binders, clause.condition, value, use, span),)
    within = inside(context, node, symbol, use, value)
    if within is None:
        return None
    found: list[Constraint] = []
    for part in conjuncts(symbol.declaration.condition):
        rows = _part(replace(clause, context=within), part, span)
        if rows is None:
            return None
        found += rows
    if len(found) == 1 or label is None:
        return tuple(replace(row, label=label) for row in found)
    return tuple(replace(row, label=f"{label}.{place}") for place, row in enumerate(found))


def _part(clause: ResolvedClause, part: ast.Expr, span: Span) -> tuple[Constraint, ...] | None:
    """One part of the condition of a set; its place is that of the use."""
    match part:
        case ast.Compare():
            operands = _operands(clause.context, part)
            if operands is None:
                return None
            return (Relation(None, clause.binders, clause.condition, operands, part.operators, span),)
        case ast.Membership():
            rows = membership(clause, None, part)
            return None if rows is None else tuple(replace(row, span=span) for row in rows)
    return None


def _complementarity(clause: ResolvedClause, node: ast.Constraint, perp: ast.Perp) -> Complementarity | None:
    wrong = next((s for s in (perp.left, perp.right) if not _is_inequality(s)), None)
    if wrong is not None:
        clause.context.report(form_messages.perp_side(wrong))
        return None
    sides: list[Relation] = []
    for side in (perp.left, perp.right):
        assert isinstance(side, ast.Compare)
        operands = _operands(clause.context, side)
        if operands is not None:
            sides.append(Relation(None, (), None, operands, side.operators, side.span))
    if len(sides) != 2:
        return None
    both = (*sides[0].operands, *sides[1].operands)
    shapes = {o.shape for o in both if o.shape}
    if len(shapes) > 1:
        clause.context.report(shape_messages.perp_shapes(perp, sides[0], sides[1]))
        return None
    return Complementarity(node.label, clause.binders, clause.condition, sides[0], sides[1], node.span)


def _is_inequality(node: ast.Expr) -> bool:
    return isinstance(node, ast.Compare) and node.operators in (("<=",), (">=",))

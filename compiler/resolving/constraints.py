"""Constraints: chains of comparisons, membership in sets, complementarity; over the binders of a clause."""

from __future__ import annotations

from karush.compiler.messages import form_messages, shape_messages
from karush.compiler.model import Complementarity, Constraint, Expr, InSet, Relation
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison
from karush.compiler.resolving.clauses import ResolvedClause, resolve_clause
from karush.compiler.resolving.operators import common_shape, is_number
from karush.compiler.resolving.sets import resolve_set
from karush.dsl import ast


def resolve_constraint(context: Context, node: ast.Constraint) -> Constraint | None:
    """The typed constraint of a statement; None after a finding."""
    sound = _well_formed(node.relation)
    clause = resolve_clause(context, node.clause)
    match node.relation:
        case ast.Compare():
            found: Constraint | None = _relation(clause, node, node.relation)
        case ast.Membership():
            found = _membership(clause, node, node.relation)
        case ast.Perp():
            found = _complementarity(clause, node, node.relation)
        case _:
            return None
    return found if sound and clause.sound else None


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


def _membership(clause: ResolvedClause, node: ast.Constraint, member: ast.Membership) -> InSet | None:
    value = clause.context.expression(member.value)
    if isinstance(value, Poison):
        return None
    use = resolve_set(clause.context, member.set, value.shape, "constraint")
    if use is None or not is_number(clause.context, value):
        return None
    return InSet(node.label, clause.binders, clause.condition, value, use, member.span)


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

"""Reductions that mean nothing over no entries: ``max``, ``min``, ``mean`` and what is made of them."""

from __future__ import annotations

from karush.compiler.messages import shape_messages
from karush.compiler.model import SizeCondition
from karush.compiler.names.context import Context
from karush.dsl import ast
from karush.stdlib.shape import Shape

NEEDS_ENTRIES = frozenset({"max", "min", "mean", "median", "quantile", "geo_mean", "lambda_max", "lambda_min"})


def has_entries(context: Context, node: ast.Node, operator: str, sizes: Shape) -> bool:
    """Whether there is something to reduce; where the sizes come with the data, that is asked of these."""
    if operator not in NEEDS_ENTRIES:
        return True
    for size in sizes:
        if size.value is None:
            context.block.conditions.append(SizeCondition(size, 1, node.span))
        elif size.value < 1:
            context.report(shape_messages.empty_reduction(node, operator))
            return False
    return True

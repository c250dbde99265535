"""The models within a model: those that it declares, and those that it calls, two and more deep."""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.dependence import roots_of, walk
from karush.compiler.model import Expr, InlineProblem, Model, ModelCall, ModelField


def calls_below(*roots: Expr) -> Iterator[ModelCall]:
    """The calls whose solutions the expressions use, each once, arguments before what they are given to."""
    seen: set[ModelCall] = set()
    for node in walk(*roots):
        if isinstance(node, ModelField | InlineProblem) and node.call not in seen:
            seen.add(node.call)
            yield node.call


def inner_models(model: Model) -> tuple[Model, ...]:
    """All models within, each once, the innermost first."""
    found: dict[Model, None] = {}
    _collect(model, found)
    return tuple(found)


def _collect(model: Model, found: dict[Model, None]) -> None:
    for inner in (*model.models, *(call.model for call in calls_below(*roots_of(model)))):
        if inner not in found:
            _collect(inner, found)
            found[inner] = None

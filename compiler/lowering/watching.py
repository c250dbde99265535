"""How many operations stand at a tie: counts as the derivative of a program in a probe that moves nothing.

Every operation with kinks, and every ``if``, is a place. Its value passes through `mark`, a function of the value and
of an entry of the probe that returns the value and whose pull-back in the probe is the number of ties, whatever the
cotangent is. So one reverse pass collects the counts from within maps, loops and branches, per lane of a batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.lowering.choices import comparisons
from karush.compiler.model import Apply, Expr, Kind, Reduce

if TYPE_CHECKING:
    from karush.compiler.lowering.evaluate import Atoms

EXTREMES = ("max", "min")


@dataclass(frozen=True)
class Place:
    """An operation that may stand at a tie, and the expression of the file that it is in."""

    operation: str
    expr: Expr


@jax.custom_vjp
def mark(value: Array, probe: Array, at: Array, near: Array) -> Array:
    """The value; its pull-back puts the numbers of ties ``at`` and ``near`` into the cotangent of the probe (2)."""
    del probe, at, near
    return value


def _mark_forward(value: Array, probe: Array, at: Array, near: Array) -> tuple[Array, tuple[Array, Array, Array]]:
    return mark(value, probe, at, near), (probe, at, near)


def _mark_backward(kept: tuple[Array, Array, Array], cotangent: Array) -> tuple[Array, Array, Array, Array]:
    probe, at, near = kept
    return cotangent, jnp.stack([at, near]).astype(probe.dtype), jnp.zeros_like(at), jnp.zeros_like(near)


mark.defvjp(_mark_forward, _mark_backward)


def marked(value: Array, probe: Array, counts: tuple[Array, Array], guards: Iterable[Array]) -> Array:
    """The value with its numbers of ties, which count where it is used: where all guards hold."""
    used = jnp.ones((), probe.dtype)
    for guard in guards:
        used *= jnp.any(guard)
    at, near = (jax.lax.stop_gradient(jnp.asarray(count, probe.dtype) * used) for count in counts)
    return mark(value, probe, at, near)


def count_gaps(gap: Array, scale: Array) -> tuple[Array, Array]:
    """How many are 0, and how many are within rounding of it (8 units in the last place of the scale)."""
    width = 8 * jnp.finfo(gap.dtype).eps * scale
    return jnp.sum(gap == 0), jnp.sum(gap <= width)


def places(roots: Iterable[Expr], atoms: Atoms, kinked: Collection[tuple[int, int]]) -> dict[Expr, Place]:
    """The operations below the roots that may stand at a tie, in the order of the text; ``kinked`` are their spans.

    What the declaration of an atom brings in belongs to the application that is written in the file.
    """
    found: dict[Expr, Place] = {}
    nodes = list(walk(*roots))
    merged = {part for node in nodes for part in _merged(node)}
    for node in nodes:
        own = (node, *_all_merged(node))
        is_kinked = node not in merged and any((part.span.start, part.span.end) in kinked for part in own)
        for inner in _inside(node, atoms) if is_kinked else ():
            operation = _operation(inner, atoms)
            if operation is not None and inner not in found:
                found[inner] = Place(node.atom if inner is not node and isinstance(node, Apply) else operation, node)
    return dict(sorted(found.items(), key=lambda item: item[1].expr.span.start))


def _inside(node: Expr, atoms: Atoms) -> Iterator[Expr]:
    """The node, and what it is computed by where it is an atom whose value is an expression."""
    pending = [node]
    while pending:
        inner = pending.pop()
        yield inner
        is_plain = isinstance(inner, Apply) and inner.atom not in STRUCTURE and atoms.ruled(inner) is None
        if isinstance(inner, Apply) and is_plain and atoms.function(inner.atom) is None:
            pending += walk(atoms.expand(inner))


def _merged(node: Expr) -> Iterator[Expr]:
    """The maxima of two that ``max(a, b, c)`` stands as and that are evaluated with it."""
    if isinstance(node, Apply) and node.atom in ("maximum", "minimum"):
        for part in node.arguments:
            if isinstance(part, Apply) and part.atom == node.atom and part.shape == node.shape:
                yield part


def _all_merged(node: Expr) -> Iterator[Expr]:
    pending = list(_merged(node))
    while pending:
        part = pending.pop()
        yield part
        pending += _merged(part)


STRUCTURE = ("if", "zeros", "ones", "eye", "reshape")


def _operation(node: Expr, atoms: Atoms) -> str | None:
    match node:
        case Reduce(operator=operator) if operator in EXTREMES and node.kind is Kind.REAL:
            return operator
        case Apply(atom="if") if node.kind is Kind.REAL and any(True for _ in comparisons(node.arguments[0])):
            return "if"
        case Apply(atom=name) if node.kind is Kind.REAL and atoms.kinks(name) is not None:
            return {"maximum": "max", "minimum": "min"}.get(name, name)
    return None

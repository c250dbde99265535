"""Which operations of a model stand at a tie for some params: there its derivative is one element of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.facts.differentiability import differentiated
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.watching import Place, places
from karush.outputs import pick
from karush.problem import Problem
from karush.result import Record


def tie_places(compiled: Compiled) -> list[Place]:
    """The operations that may stand at a tie, in the order of the text."""
    return list(_numbered(compiled)[1])


def _numbered(compiled: Compiled) -> tuple[dict[Any, int], Sequence[Place]]:
    found = places(differentiated(compiled.model), compiled.evaluator.atoms, compiled.kinked)
    return {node: k for k, node in enumerate(found)}, list(found.values())


def tie_counts(compiled: Compiled, of: str, params: Mapping[str, Any]) -> Array:
    """For every place how many choices stand at a tie, and how many within rounding of one; shape (places, 2).

    Those count that the output depends on. Traced, per lane of a batch; one reverse pass.
    """
    number, found = _numbered(compiled)
    if not found:
        return jnp.zeros((0, 2), compiled.dtype)
    evaluator = replace(compiled.evaluator, watched=number)

    def output(probe: Array) -> Array:
        return pick(replace(compiled, evaluator=evaluator, probe=probe).function(params), of)

    value, back = jax.vjp(output, jnp.zeros((len(found), 2), compiled.dtype))
    (counts,) = back(jnp.ones_like(value))
    return jax.lax.stop_gradient(counts)


def place_words(place: Place) -> str:
    """``line 4: relu in `relu(A @ x)```."""
    text = " ".join(place.expr.span.text.split())
    short = text if len(text) <= 40 else f"{text[:37]}..."
    return f"line {place.expr.span.line}: {place.operation} in `{short}`"


def ties(problem: Problem, of: str = "objective") -> Callable[..., Record]:
    """What stands at a tie: ``karush.ties(m, of="loss")(x=x)`` maps each operation with a kink to its counts.

    ``at`` counts the choices that are made between equal quantities (a relu at 0, two greatest entries), ``near`` those
    within 8 units in the last place of one. Both are traced arrays.
    """

    def at(**params: Any) -> Record:
        prepared = problem.prepare(params)
        compiled = prepared.compiled
        count = problem.once(("ties", compiled, of), lambda: jax.jit(lambda given: tie_counts(compiled, of, given)))
        counts = count(dict(prepared.arrays))
        names = [place_words(place) for place in tie_places(compiled)]
        return Record({name: Record(entry) for name, entry in by_name(names, counts).items()})

    return at


def by_name(names: Sequence[str], counts: Any) -> dict[str, dict[str, Any]]:
    """The counts ``at`` and ``near`` a tie by the words for a place; what an atom is made of counts as one."""
    totals: dict[str, Any] = {}
    for name, pair in zip(names, counts, strict=True):
        totals[name] = totals[name] + pair if name in totals else pair
    return {name: {"at": pair[0], "near": pair[1]} for name, pair in totals.items()}

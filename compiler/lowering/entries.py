"""Entries and slices of an array taken at once, so that their cotangents come back at once.

The transpose of the slice x[k] is an array of zeros but for one entry, and cotangents are added whole: a function of
x[0], x[1], … pays for all of x at each of them, and its derivative costs n times what the function does. Here the
slices of one array that do not overlap are taken by one split, whose transpose lays the cotangents side by side: it
adds nothing. What is between them is one piece, so the program does not grow with the array.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import jax
from jax import Array, lax
from jax.extend.core import ClosedJaxpr, DebugInfo, DropVar, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

from karush.compiler.dependence import walk
from karush.compiler.model import Expr, Subscript

Box = tuple[tuple[int, int], ...]
"""The range of a slice along each axis."""
PART = DebugInfo("entries_at_once", "a part of a program", None, None)


def takes_entries(exprs: Iterable[Expr]) -> bool:
    """Whether expressions index so often that entries may be taken at once."""
    return sum(isinstance(node, Subscript) for node in walk(*exprs)) > 1


def entries_at_once(function: Callable[..., Any]) -> Callable[..., Any]:
    """The same function of arrays, with the single entries that it takes of one array taken at once."""

    def collected(*arguments: Any) -> Any:
        closed, shapes = jax.make_jaxpr(function, return_shape=True)(*arguments)
        plan = entries_of(closed.jaxpr)
        if not plan:
            return function(*arguments)
        results = run(closed.jaxpr, plan, closed.consts, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shapes), results)

    return collected


def entries_of(jaxpr: Jaxpr) -> Mapping[Any, frozenset[Box]]:
    """The boxes of each array that are taken at once: all if none overlap, else those that are one entry wide."""
    found: dict[Any, list[Box]] = defaultdict(list)
    for eqn in jaxpr.eqns:
        box = box_of(eqn)
        if box is not None:
            found[eqn.invars[0]].append(box)
    plan = {}
    for array, boxes in found.items():
        shape = tuple(array.aval.shape)
        apart = are_apart(boxes, shape)
        chosen = frozenset(box for box in boxes if apart or is_narrow(box, shape))
        if len(chosen) > 1:
            plan[array] = chosen
    return plan


def box_of(eqn: JaxprEqn) -> Box | None:
    """The ranges of a slice without gaps, of known sizes; None for any other operation."""
    if eqn.primitive.name != "slice" or isinstance(eqn.invars[0], Literal):
        return None
    array: Any = eqn.invars[0].aval
    starts, stops, strides = (eqn.params[name] for name in ("start_indices", "limit_indices", "strides"))
    numbers = (*array.shape, *starts, *stops)
    if not all(isinstance(number, int) for number in numbers) or any(stride != 1 for stride in strides or ()):
        return None
    return tuple(zip(starts, stops, strict=True))


def is_narrow(box: Box, shape: tuple[int, ...]) -> bool:
    """Whether a box is one entry wide along every axis that it does not take whole."""
    return all(stop - start in (1, size) for (start, stop), size in zip(box, shape, strict=True))


def are_apart(boxes: Sequence[Box], shape: tuple[int, ...]) -> bool:
    """Whether the ranges of boxes along each axis are the same, have nothing in common, or are whole."""
    for axis, size in enumerate(shape):
        ranges = sorted({box[axis] for box in boxes} - {(0, size)})
        if any(before[1] > after[0] for before, after in pairwise(ranges)):
            return False
    return True


def run(jaxpr: Jaxpr, plan: Mapping[Any, frozenset[Box]], constants: Sequence[Any], arguments: Sequence[Any]) -> Any:
    """Evaluate a program; the slices of the plan are those that `cut` takes."""
    values: dict[Any, Any] = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*constants, *arguments), strict=True))
    taken: dict[Any, Mapping[Box, Array]] = {}
    pending: list[JaxprEqn] = []
    for eqn in jaxpr.eqns:
        box = box_of(eqn)
        if box is None or box not in plan.get(eqn.invars[0], ()):
            pending.append(eqn)
            continue
        array = eqn.invars[0]
        if array not in taken:
            evaluate(pending, values)
            pending = []
            taken[array] = cut(values[array], plan[array])
        values[eqn.outvars[0]] = taken[array][box]
    evaluate(pending, values)
    return [v.val if isinstance(v, Literal) else values[v] for v in jaxpr.outvars]


def evaluate(eqns: Sequence[JaxprEqn], values: dict[Any, Any]) -> None:
    """Add the results of some operations to the values."""
    results = [v for eqn in eqns for v in eqn.outvars if not isinstance(v, DropVar)]
    made = set(results)
    needed = dict.fromkeys(v for eqn in eqns for v in eqn.invars if not isinstance(v, Literal) and v not in made)
    part = ClosedJaxpr(Jaxpr((), [*needed], results, [*eqns], debug_info=PART), ())
    values.update(zip(results, jaxpr_as_fun(part)(*(values[v] for v in needed)), strict=True))


def cut(array: Array, boxes: Collection[Box]) -> Mapping[Box, Array]:
    """The boxes of an array, whose ranges are apart (see `are_apart`), by splits along one axis after another."""
    axis = next((k for k, size in enumerate(array.shape) if any(box[k] != (0, size) for box in boxes)), None)
    if axis is None:
        return dict.fromkeys(boxes, array)
    groups: dict[tuple[int, int], list[Box]] = defaultdict(list)
    for box in boxes:
        groups[box[axis]].append(box)
    whole = (0, array.shape[axis])
    places = sorted({0, whole[1], *(end for part in groups if part != whole for end in part)})
    pieces = dict(zip(pairwise(places), lax.split(array, [b - a for a, b in pairwise(places)], axis), strict=True))
    found: dict[Box, Array] = {}
    for part, members in groups.items():
        piece = array if part == whole else pieces[part]
        inner = {whole_along(box, axis, piece.shape[axis]): box for box in members}
        found |= {inner[box]: value for box, value in cut(piece, tuple(inner)).items()}
    return found


def whole_along(box: Box, axis: int, size: int) -> Box:
    """The box within its piece: whole along an axis that is cut."""
    return (*box[:axis], (0, size), *box[axis + 1 :])

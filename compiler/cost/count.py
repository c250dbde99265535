"""How many operations a program has, by the table of costs.

A scan counts as its body times its length, a choice as its dearest branch, a linear solve as the solve that runs (its
matrix is there for the derivative alone). A loop whose number of iterations is not known counts as one iteration, and
is listed with the cost of it: see `loops`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jax.extend.core import Jaxpr, JaxprEqn

from karush.compiler.cost.programs import within
from karush.compiler.cost.table import cost_of


def count(jaxpr: Jaxpr) -> float:
    """The operations of a program."""
    return sum(map(count_op, jaxpr.eqns))


def count_op(eqn: JaxprEqn) -> float:
    """The operations of one operation with all that runs within it."""
    programs = within(eqn)
    if not programs:
        return cost_of(eqn)
    match eqn.primitive.name:
        case "cond":
            return max(map(count, programs))
        case "scan":
            return float(eqn.params["length"]) * count(programs[0])
    return sum(map(count, programs))


def dearest(eqn: JaxprEqn) -> Jaxpr:
    """The branch of a choice that costs most."""
    return max(within(eqn), key=count)


# ---------------------------------------------------------------- by operation


def by_operation(jaxpr: Jaxpr) -> Mapping[str, float]:
    """The operations by the name of the primitive that does them; their sum is `count`."""
    found: dict[str, float] = defaultdict(float)
    for name, cost in _leaves(jaxpr, 1.0):
        found[name] += cost
    return {name: cost for name, cost in sorted(found.items(), key=lambda item: -item[1]) if cost}


def _leaves(jaxpr: Jaxpr, times: float) -> Iterator[tuple[str, float]]:
    for eqn in jaxpr.eqns:
        name, programs = eqn.primitive.name, within(eqn)
        if not programs:
            yield name, times * cost_of(eqn)
        elif name == "cond":
            yield from _leaves(dearest(eqn), times)
        else:
            for program in programs:
                yield from _leaves(program, times * eqn.params["length"] if name == "scan" else times)


# ---------------------------------------------------------------- loops

HELPERS = frozenset({"batched_loop", "branching", "iterate"})
"""Files that make loops on behalf of others, whose names say more."""


@dataclass(frozen=True)
class Loop:
    """A loop whose number of iterations is not known: where it is written, the cost of an iteration, how often it runs.

    ``depth`` is how many such loops it stands in; an iteration holds one iteration of each loop within.
    """

    name: str
    per_iteration: float
    times: float
    depth: int


def loops(jaxpr: Jaxpr, times: float = 1.0, depth: int = 0) -> Iterator[Loop]:
    """The loops of unknown length of a program, an outer one before those within it."""
    for eqn in jaxpr.eqns:
        kind = eqn.primitive.name
        if kind == "while":
            yield Loop(place(eqn), count_op(eqn), times, depth)
        often = times * eqn.params["length"] if kind == "scan" else times
        for program in within(eqn):
            yield from loops(program, often, depth + (kind == "while"))


def place(eqn: JaxprEqn) -> str:
    """The file and the function that an operation is written in."""
    traceback = eqn.source_info.traceback
    frames: Sequence[Any] = [] if traceback is None else traceback.frames
    own = [(Path(f.file_name), f.function_name) for f in frames if "jax" not in Path(f.file_name).parts]
    telling = [frame for frame in own if frame[0].stem not in HELPERS] or own
    if not telling:
        return "loop"
    file, function = telling[0]
    return f"{file.stem}.{function.rpartition('.')[2]}"

"""A data template: for every param a value of the right shape that lies in its set, ready to be replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karush.compiler.facts.fact import Facts
from karush.compiler.model import Kind, Model, Param, SetUse
from karush.stdlib.lattice import FREE, Interval
from karush.stdlib.set import SET_FACTS, enclosure

FIRST, LAST = 2, 5
"""Sizes that nobody gave are 2, 3, 4, 5, 2, …: different dims show as different lengths."""

CONES: Mapping[str, tuple[float, ...]] = {"exp_cone": (0.0, 1.0, 1.0), "pow_cone": (1.0, 1.0, 0.0)}


def sizes_for(model: Model, given: Mapping[str, int]) -> dict[str, int]:
    """A number for every dim: the given one, its default, or a small one."""
    found: dict[str, int] = {}
    free = 0
    for dim in model.dims.values():
        if dim.name in given:
            found[dim.name] = given[dim.name]
        elif dim.default is not None:
            found[dim.name] = dim.default.evaluate(found)
        else:
            found[dim.name] = FIRST + free % (LAST - FIRST + 1)
            free += 1
    return found


def data_template(model: Model, facts: Facts, given: Mapping[str, int]) -> dict[str, Any]:
    """Values of all params without a default, and of the sizes that these do not show or that were given."""
    dims = sizes_for(model, given)
    wanted = [param for param in model.params.values() if param.default is None]
    shown = {size for param in wanted for size in map(str, param.shape)}
    template: dict[str, Any] = {
        dim.name: dims[dim.name]
        for dim in model.dims.values()
        if dim.name not in shown and (dim.default is None or dim.name in given)
    }
    return template | {param.name: placeholder(param, facts, dims) for param in wanted}


def placeholder(param: Param, facts: Facts, dims: Mapping[str, int]) -> Any:
    """A value of the right shape, in its set where that is one of the library."""
    shape = tuple(size.evaluate(dims) for size in param.shape)
    if param.kind is Kind.BOOLEAN:
        return nested(shape, False)
    if param.kind is Kind.INTEGER:
        return nested(shape, 0)
    name = param.set.name if param.set is not None else ""
    known = SET_FACTS.get(name)
    if known is not None and known.matrix and len(shape) >= 2:
        return nested(shape[:-2], [[float(i == j) for j in range(shape[-1])] for i in range(shape[-2])])
    if name == "simplex" and shape:
        return nested(shape, 1.0 / shape[-1] if shape[-1] else 0.0)
    if name == "soc" and shape:
        return nested(shape[:-1], [float(i == 0) for i in range(shape[-1])])
    if name in CONES and shape and shape[-1] == 3:
        return nested(shape[:-1], list(CONES[name]))
    return nested(shape, number_in(interval_of(param.set, facts)))


def nested(shape: tuple[int, ...], value: Any) -> Any:
    """Lists within lists, each entry the value."""
    for count in reversed(shape):
        value = [value] * count
    return value


def interval_of(use: SetUse | None, facts: Facts) -> Interval:
    """The numbers that the entries of a set can be."""
    known = SET_FACTS.get(use.name) if use is not None else None
    if use is None or known is None:
        return FREE
    return enclosure(known, tuple(facts[a].interval if a in facts else FREE for a in use.arguments))


def number_in(interval: Interval) -> float:
    """A simple number of an interval."""
    candidates = [1.0, 0.0, -1.0, (interval.lower + interval.upper) / 2, interval.lower + 1, interval.upper - 1]
    return next((number for number in candidates if number in interval), 0.0)

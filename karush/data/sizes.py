"""The value of every dim: explicit, else from the data, else the default.

From the data a bare name comes first (``X[m, d]``); then sizes with one unknown dim T that enters linearly,
c·T + k, are solved for it (``x[T + 1]``). Every axis is compared with its size at the end.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from karush.compiler.model import Model
from karush.data import findings
from karush.data.given import Given
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.stdlib.shape import Size, show_shape


@dataclass(frozen=True)
class Sized:
    """The value of a dim and where it is from."""

    value: int
    span: Span
    origin: str


@dataclass
class Sizes:
    """The sizes found so far, with the findings on the way."""

    found: dict[str, Sized] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    @property
    def values(self) -> dict[str, int]:
        """The numbers alone."""
        return {name: sized.value for name, sized in self.found.items()}


@dataclass(frozen=True)
class Axis:
    """One axis of a given param: its declared size and its length in the data."""

    given: Given
    place: int
    size: Size
    length: int
    span: Span

    @property
    def origin(self) -> str:
        """Where its length is from."""
        return f"{self.given.origin}, shape {findings.show_numbers(self.given.shape)}"


def infer_sizes(model: Model, given: Sequence[Given], explicit: Mapping[str, tuple[int, str]]) -> Sizes:
    """The value of every dim; findings E0401 (no value), E0402 (two values), E0404 (wrong shape).

    ``given`` are values with the right number of axes; ``explicit`` has (value, where from) by dim.
    """
    sizes = Sizes()
    for name, (value, origin) in explicit.items():
        sizes.found[name] = Sized(value, model.dims[name].span, origin)
    axes = list(all_axes(model, given))
    for axis in axes:
        bare = bare_name(axis.size)
        if bare is not None and bare not in sizes.found:
            sizes.found[bare] = Sized(axis.length, axis.span, axis.origin)
    solve_rest(model, axes, sizes)
    wrong: set[tuple[str, Size]] = set()
    for axis in axes:
        finding = compare(model, axis, sizes) if (axis.given.name, axis.size) not in wrong else None
        if finding is not None:
            wrong.add((axis.given.name, axis.size))
            sizes.findings.append(finding)
    return sizes


def all_axes(model: Model, given: Sequence[Given]) -> Iterator[Axis]:
    """The axes of all given params, in the order of declaration."""
    order = list(model.params)
    for value in sorted(given, key=lambda g: order.index(g.name)):
        param = model.params[value.name]
        for place, (size, length) in enumerate(zip(param.shape, value.shape, strict=True)):
            yield Axis(value, place, size, length, param.span)


def bare_name(size: Size) -> str | None:
    """The dim, where a size is nothing but one dim."""
    if len(size.terms) != 1:
        return None
    monomial, coefficient = size.terms[0]
    return monomial[0] if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], str) else None


def solve_rest(model: Model, axes: list[Axis], sizes: Sizes) -> None:
    """Solve linear sizes for their one unknown dim; where none is left to solve, take the next default."""
    waiting = [dim for dim in model.dims.values() if dim.name not in sizes.found]
    while waiting:
        if solve_one(axes, sizes):
            waiting = [dim for dim in waiting if dim.name not in sizes.found]
            continue
        ready = next((d for d in waiting if d.default and d.default.dims() <= sizes.found.keys()), None)
        if ready is None or ready.default is None:
            sizes.findings.extend(findings.missing_dim(d) for d in waiting if d.default is None)
            return
        value = ready.default.evaluate(sizes.values)
        sizes.found[ready.name] = Sized(value, ready.span, "its default")
        waiting.remove(ready)


def solve_one(axes: list[Axis], sizes: Sizes) -> bool:
    """Find one dim from a size c·T + k in which it is the only unknown; whether there was one."""
    for axis in axes:
        unknown = axis.size.dims() - sizes.found.keys()
        if len(unknown) != 1:
            continue
        (name,) = unknown
        solved = solve_linear(axis.size, name, sizes.values, axis.length)
        if solved is not None:
            sizes.found[name] = Sized(solved, axis.span, axis.origin)
            return True
    return False


def solve_linear(size: Size, name: str, values: Mapping[str, int], length: int) -> int | None:
    """The whole number T ≥ 0 with size(T) = length, where the size is linear in T; else None."""
    intercept = size.evaluate({**values, name: 0})
    slope = size.evaluate({**values, name: 1}) - intercept
    quotient, rest = divmod(length - intercept, slope) if slope else (-1, 1)
    exact = rest == 0 and quotient >= 0
    return quotient if exact and size.evaluate({**values, name: quotient}) == length else None


def compare(model: Model, axis: Axis, sizes: Sizes) -> Diagnostic | None:
    """The finding about an axis whose length is not its size."""
    if not axis.size.dims() <= sizes.found.keys():
        return None
    wanted = axis.size.evaluate(sizes.values)
    if wanted == axis.length:
        return None
    bare = bare_name(axis.size)
    if bare is None:
        param = model.params[axis.given.name]
        used = [(name, sizes.found[name]) for name in sorted(axis.size.dims())]
        worth = ", ".join(f"{name} = {sized.value} ({sized.origin})" for name, sized in used)
        detail = f"axis {axis.place} has {axis.length} entries, `{axis.size}` is {wanted}"
        return findings.wrong_shape(param, axis.given, detail + (f", for {worth}" if worth else ""))
    first = sizes.found[bare]
    return findings.two_sizes(
        model.dims[bare], (first.span, first.value, first.origin), (axis.span, axis.length, axis.origin)
    )


def check_conditions(model: Model, dims: Mapping[str, int]) -> list[Diagnostic]:
    """What literal indices and maxima ask of the data: findings E0404 where a size is too small for one."""
    found = []
    for condition in model.conditions:
        value = condition.size.evaluate(dims)
        if value < condition.least:
            found.append(
                Diagnostic(
                    "E0404",
                    f"`{condition.size}` is {value} in the data; at least {condition.least} is needed here",
                    (Label(condition.span, f"needs {condition.size} >= {condition.least}"),),
                    fixes=(Fix(f"data with {condition.size} >= {condition.least}, or another index or range"),),
                )
            )
    return found


def check_ranks(model: Model, given: Sequence[Given]) -> tuple[list[Given], list[Diagnostic]]:
    """The values with the right number of axes, and findings E0404 for the others."""
    good, found = [], []
    for value in given:
        param = model.params[value.name]
        if len(value.shape) == len(param.shape):
            good.append(value)
            continue
        detail = f"{count_axes(len(value.shape))}, {show_shape(param.shape)} is expected"
        fixes: tuple[Fix, ...] = ()
        if len(value.shape) == 1 and value.shape[0] == 1 and not param.shape:
            fixes = (Fix("a plain number, not a list of one"),)
        found.append(findings.wrong_shape(param, value, detail, fixes))
    return good, found


def count_axes(rank: int) -> str:
    """``a scalar``, ``1 axis``, ``3 axes``."""
    return "a scalar" if rank == 0 else "1 axis" if rank == 1 else f"{rank} axes"

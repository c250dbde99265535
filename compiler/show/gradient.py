"""Stationarity in one var: the collected contributions brought to one index, merged and printed.

A contribution to ``x[t + 1]`` under ``for t in 0..T-1`` is one to ``x[s]`` with t = s − 1, for s in 1..T: the condition
is printed as an Iverson bracket, ``[1 ≤ s]``, which is 1 where it holds and 0 elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from karush.compiler.model import Binder, Expr, Var
from karush.compiler.show.adjoint import Contribution, Gradient
from karush.compiler.show.terms import Symbol, Term
from karush.compiler.show.text import (
    ATOM,
    POWER,
    PRODUCT,
    SUM,
    Printer,
    number,
    pretty,
    show_range,
    show_size,
)
from karush.stdlib.shape import Size

LETTERS = ("i", "j", "k", "l", "r", "s", "t")
ONE = Size.constant(1)


@dataclass(frozen=True)
class Line:
    """One printed term: coefficient, the text behind it, and the guard before it."""

    coefficient: float
    text: str
    guard: str


def stationarity(gradient: Gradient, var: Var) -> list[str]:
    """``term + term − term = 0``, for the var as a whole or for one entry of it."""
    found = [c for c in gradient.found if c.var == var.name]
    if not found:
        return [f"∇_{pretty(var.name)}:  0 = 0"]
    depth = max((len(c.items) for c in found if c.items is not None), default=0)
    names = index_names(found, var, depth)
    lines = merge(line for c in found for line in show_contribution(c, names, var))
    head = f"∇_{pretty(var.name)}" + (f"[{', '.join(names)}]" if names else "")
    ranges = ", ".join(f"{name} ∈ 0..{show_size(size - ONE)}" for name, size in zip(names, var.shape, strict=False))
    return [f"{head}:  {join(lines)} = 0" + (f"   for {ranges}" if ranges else "")]


def index_names(found: list[Contribution], var: Var, depth: int) -> list[str]:
    """A letter for each index of the entry: the binder's own name where one stands there alone."""
    names: list[str] = []
    taken = {b.name for c in found for b in c.binders}
    for axis in range(depth):
        alone = [
            binder.name
            for c in found
            if c.items is not None and len(c.items) > axis
            for binder in c.binders
            if Printer().index(c.items[axis].index) == Size.of(binder.name)
        ]
        free = next(letter for letter in LETTERS if letter not in taken and letter not in names)
        names.append(next((name for name in alone if name not in names), free))
    return names


def show_contribution(c: Contribution, names: list[str], var: Var) -> list[Line]:
    """The printed term of a contribution for the entry ``names`` of the var."""
    indices, guards = invert(c, names, var)
    summed = [b for b in c.binders if b not in indices]
    printer = SymbolPrinter(indices)
    guards += [printer.show(condition) for condition in c.conditions if not summed]
    entry = names if c.items is None else names[len(c.items) :]
    alone = c.term.coefficient == 1 and not c.term.over and not c.term.under and not summed and not guards
    coefficient, text = show_term(c.term, printer, entry, SUM if alone else PRODUCT)
    if summed:
        conditions = "".join(f" : {printer.show(condition)}" for condition in c.conditions)
        text = f"Σ_{{{', '.join(f'{b.name} ∈ {show_range(b)}' for b in summed)}{conditions}}} {text}"
    return [Line(coefficient, text, " ∧ ".join(guards))]


def invert(c: Contribution, names: list[str], var: Var) -> tuple[dict[Binder, Size], list[str]]:
    """What the binders are in terms of the entry's indices, and the conditions under which there is such a turn."""
    indices: dict[Binder, Size] = {}
    guards: list[str] = []
    for axis, item in enumerate(c.items or ()):
        name = Size.of(names[axis])
        size = Printer({b: Size.of(f"{b.name}′") for b in c.binders} | indices).index(item.index)
        alone = [b for b in c.binders if b not in indices and size is not None and shift_of(size, b) is not None]
        if size is not None and len(alone) == 1:
            shift = shift_of(size, alone[0]) or Size.constant(0)
            indices[alone[0]] = name - shift
            guards += range_guards(alone[0], shift, names[axis], var.shape[axis])
        else:
            shown = Printer(indices).item(item, var.shape[axis])
            guards.append(f"{names[axis]} = {shown}")
    return indices, guards


def shift_of(size: Size, binder: Binder) -> Size | None:
    """c where the size is binder + c; else None."""
    mark = f"{binder.name}′"
    rest = size - Size.of(mark)
    return rest if mark not in rest.dims() and not any("′" in name for name in rest.dims()) else None


def range_guards(binder: Binder, shift: Size, name: str, axis: Size) -> list[str]:
    """The bounds of the entry's index that the binder's range leaves, where they are not the axis itself."""
    first = binder.start + shift
    last = first + binder.length - ONE
    guards = [] if first == Size.constant(0) else [f"{name} ≥ {show_size(first)}"]
    return guards if last == axis - ONE else [*guards, f"{name} ≤ {show_size(last)}"]


class SymbolPrinter(Printer):
    """A printer that knows multipliers and other symbols by their own text."""

    def text(self, expr: Expr) -> tuple[str, int]:
        """As the printer's, with symbols."""
        return (expr.text, ATOM) if isinstance(expr, Symbol) else super().text(expr)


def show_term(term: Term, printer: Printer, entry: list[str], level: int) -> tuple[float, str]:
    """The coefficient, and the text of the rest of a term; ``entry`` are indices at which a whole body is taken."""
    body = printer.show(term.body, level) if term.body is not None else ""
    if term.body is not None and term.body.shape and entry:
        body = f"{printer.show(term.body, ATOM)}[{', '.join(entry)}]" if body != "1" else "1"
    factors = [printer.show(factor, PRODUCT) for factor in term.over]
    below = [printer.show(factor, POWER) for factor in term.under]
    if body == "1" and factors:
        body = ""
    text = " ".join([*factors, body]).strip() or "1"
    if below:
        text = f"{text}/({' '.join(below)})" if len(below) > 1 else f"{text}/{below[0]}"
    return term.coefficient, text


def merge(lines: Iterable[Line]) -> list[Line]:
    """Terms with the same text and guard as one."""
    total: dict[tuple[str, str], float] = {}
    for line in lines:
        key = (line.text, line.guard)
        total[key] = total.get(key, 0.0) + line.coefficient
    return [Line(coefficient, text, guard) for (text, guard), coefficient in total.items() if coefficient]


def join(lines: list[Line]) -> str:
    """``a + 2 b − c``."""
    parts = []
    for line in lines:
        size = abs(line.coefficient)
        text = line.text if size == 1 else number(size) if line.text == "1" else f"{number(size)} {line.text}"
        guard = f"[{line.guard}] " if line.guard else ""
        sign = "− " if line.coefficient < 0 else "+ "
        parts.append(f"{sign}{guard}{text}")
    text = " ".join(parts).removeprefix("+ ")
    return "−" + text[2:] if text.startswith("− ") else text or "0"

"""Conditions, entries of params and of vars as they are told: statement, position in labels, values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from karush.compiler.lowering.families import Bound
from karush.compiler.lowering.places import Place
from karush.compiler.lowering.side_params import Entry
from karush.compiler.model import Model
from karush.data.given import Binding
from karush.data.sizes import bare_name
from karush.dsl.source import Span
from karush.stdlib.shape import Shape

Position = Mapping[str, int | str]


@dataclass(frozen=True, eq=False)
class Teller:
    """Words for a model with its data."""

    model: Model
    binding: Binding

    def name(self, place: Place) -> str:
        """The label, ``line 14``, or the var whose set it is."""
        return place.item.var.name if isinstance(place.item, Bound) else place.item.name

    def span(self, place: Place) -> Span:
        """Where the condition stands."""
        if isinstance(place.item, Bound):
            var = place.item.var
            return var.span if var.set is None else var.set.span
        return labelled(place.item.span, place.item.label)

    def at_words(self, place: Place) -> str:
        """``at i = "London"``; ``at store["chair", 4]`` where an axis has no name."""
        position = self.at(place)
        if isinstance(place.item, Bound) and any(name.startswith("axis ") for name in position):
            return f"at {self.entry(place.item.var.name, place.item.var.shape, place.index)}"
        return "at " + ", ".join(f"{name} = {quoted(v)}" for name, v in position.items()) if position else ""

    def at(self, place: Place) -> Position:
        """The position by the names of binders and dims: labels where the data have them."""
        if isinstance(place.item, Bound):
            return self.along(place.item.var.shape, place.index)
        found: dict[str, int | str] = {}
        for binder, index in zip(place.item.binders, place.index, strict=False):
            value = int(binder.start.evaluate(self.binding.dims)) + binder.step * index
            names = self.binding.labels.get(binder.dim or "")
            found[binder.name] = value if names is None else names[value]
        return found | dict(self.along(place.item.inner_shape, place.index[len(place.item.binders) :]))

    def along(self, shape: Shape, index: Sequence[int]) -> Position:
        """Indices by the names of their dims; an axis of another size by its number."""
        found: dict[str, int | str] = {}
        for axis, (size, at) in enumerate(zip(shape, index, strict=True)):
            dim = bare_name(size)
            names = self.binding.labels.get(dim or "")
            key = f"axis {axis}" if dim is None or dim in found else dim
            found[key] = at if names is None else names[at]
        return found

    def entry(self, name: str, shape: Shape, index: Sequence[int]) -> str:
        """``pd["London"]``."""
        names = [self.binding.labels.get(bare_name(size) or "") for size in shape]
        words = [str(at) if known is None else quoted(known[at]) for at, known in zip(index, names, strict=True)]
        return f"{name}[{', '.join(words)}]" if words else name

    def param(self, entry: Entry) -> str:
        """An entry of a param."""
        return self.entry(entry.name, self.model.params[entry.name].shape, entry.index)


def labelled(span: Span, label: str | None) -> Span:
    """The label of a constraint, where one stands before it; else the constraint."""
    if label is None:
        return span
    start = span.source.text.rfind(label, 0, span.start)
    between = span.source.text[start + len(label) : span.start]
    return Span(span.source, start, start + len(label)) if start >= 0 and between.strip() == ":" else span


def quoted(value: Any) -> str:
    """A label in quotes, an index as it is."""
    return f'"{value}"' if isinstance(value, str) else str(value)


def amount(value: float) -> str:
    """A number with four digits that count, so that nobody takes rounding for data."""
    return f"{value:.4g}"

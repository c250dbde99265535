"""Labels of axes: values are put into a common order by label, never by position where labels exist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from karush.compiler.model import Dim, Model
from karush.data import findings
from karush.data.given import Given
from karush.data.sizes import bare_name
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Span
from karush.dsl.spelling import closest
from karush.stdlib.shape import Size


@dataclass(frozen=True)
class Known:
    """The order of labels that the first labelled param gave to a size."""

    labels: tuple[str, ...]
    span: Span
    origin: str


@dataclass
class Aligned:
    """Values in a common order, the labels by dim, and the findings."""

    values: list[Given] = field(default_factory=list)
    known: dict[Size, Known] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)

    def by_dim(self) -> dict[str, tuple[str, ...]]:
        """The labels of the sizes that are dims themselves."""
        named = ((bare_name(size), known.labels) for size, known in self.known.items())
        return {name: labels for name, labels in named if name is not None}


def align(model: Model, given: Sequence[Given]) -> Aligned:
    """Permute every labelled axis to the order of the first param (in the model) that labels its size.

    Labels that stand on one side only are E0402 with the list of them.
    """
    order = list(model.params)
    aligned = Aligned()
    for value in sorted(given, key=lambda g: order.index(g.name)):
        moved: Given | None = value
        param = model.params[value.name]
        for axis, (size, labels) in enumerate(zip(param.shape, value.labels or (None,) * 99, strict=False)):
            if labels is None or moved is None:
                continue
            here = Known(labels, param.span, value.origin)
            first = aligned.known.setdefault(size, here)
            finding = clash(size, first, here, model.dims)
            if finding is not None:
                aligned.findings.append(finding)
            moved = permute(moved, axis, first, here) if finding is None else None
        if moved is not None:
            aligned.values.append(moved)
    return aligned


def permute(value: Given, axis: int, first: Known, here: Known) -> Given:
    """The value with one axis, which has the same labels as ``first`` has, in the order of ``first``."""
    if here.labels == first.labels:
        return value
    place = {label: i for i, label in enumerate(here.labels)}
    order = np.array([place[label] for label in first.labels], np.int64)
    labels = (*value.labels[:axis], first.labels, *value.labels[axis + 1 :])
    return replace(value, value=np.take(value.value, order, axis=axis), labels=labels)


def clash(size: Size, first: Known, here: Known, dims: Mapping[str, Dim]) -> Diagnostic | None:
    """E0402 with the labels that stand on one side only, or None; sizes are named where they differ."""
    notes = tuple(
        ("help", f"labels only in {one.origin}: {findings.listed(only)}")
        for one, other in ((first, here), (here, first))
        if (only := [label for label in one.labels if label not in set(other.labels)])
    )
    if not notes:
        return None
    dim = dims.get(bare_name(size) or "")
    if dim is not None and len(first.labels) != len(here.labels):
        one, other = ((side.span, len(side.labels), side.origin) for side in (first, here))
        return findings.two_sizes(dim, one, other, notes)
    return findings.label_clash(size, (first.span, first.origin), (here.span, here.origin), notes)


def expected_label(entry: str, names: Sequence[str], size: Size) -> str:
    """What could stand where ``entry`` is no label."""
    near = closest(entry, names)
    if near is not None:
        return f'did you mean "{near}"?'
    if names:
        return f"labels: {findings.listed(names)}"
    return f"`{size}` has no labels in the data: give whole numbers from 0"


def resolve_labels(model: Model, value: Given, labels: dict[str, tuple[str, ...]]) -> Given | Diagnostic:
    """A param ``in index(d)`` given by labels of ``d``, as 0-based integers; anything else unchanged.

    E0406 for a label that ``d`` does not have.
    """
    param = model.params[value.name]
    size = param.set.size if param.set is not None and param.set.name == "index" else None
    if value.traced or value.value.dtype != object or size is None:
        return value
    dim = bare_name(size)
    names = labels.get(dim, ()) if dim is not None else ()
    place = {label: i for i, label in enumerate(names)}
    flat = np.empty(value.value.size, object)
    for i, entry in enumerate(value.value.ravel()):
        at = np.unravel_index(i, value.shape) if value.shape else ()
        flat[i] = place.get(entry, entry) if isinstance(entry, str) else entry
        if isinstance(flat[i], str):
            said, expected = (
                f'is "{entry}", which is not a label of `{size}`',
                expected_label(entry, names, size),
            )
            return findings.bad_entry("E0406", param, value, [int(k) for k in at], said=said, expected=expected)
    numbers = np.array(flat.tolist(), np.float64).reshape(value.shape)
    return replace(value, value=numbers)

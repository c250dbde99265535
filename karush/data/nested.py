"""JSON values as arrays: nested lists are row-major, objects carry labels, ``"inf"`` is a number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from karush.data.given import Labels, Pattern, Trouble

DEEPEST = 16
INFINITIES = {
    "inf": math.inf, "+inf": math.inf, "-inf": -math.inf,
    "Infinity": math.inf, "-Infinity": -math.inf, "nan": math.nan, "NaN": math.nan,
}  # fmt: skip


@dataclass(frozen=True)
class Nested:
    """An array read from nested lists and objects, and the labels of its axes.

    A sparse matrix has a pattern, and then the array holds the stored entries alone.
    """

    array: np.ndarray
    labels: Labels
    pattern: Pattern | None = None


@dataclass(frozen=True)
class Axis:
    """One level of nesting: its length, and its labels where the level is an object."""

    length: int
    labels: tuple[str, ...] | None


def read_nested(value: Any) -> Nested | Trouble:
    """The dense array that a JSON value stands for, or why it stands for none."""
    quick = plain_array(value)
    if quick is not None:
        return Nested(quick, (None,) * quick.ndim)
    axes = find_axes(value)
    if isinstance(axes, Trouble):
        return axes
    leaves: list[Any] = []
    trouble = collect(value, axes, (), leaves)
    if trouble is not None:
        return trouble
    array = leaf_array(leaves)
    if isinstance(array, Trouble):
        return array
    return Nested(array.reshape([a.length for a in axes]), tuple(a.labels for a in axes))


def plain_array(value: Any) -> np.ndarray | None:
    """The array of nested lists of numbers by NumPy's own fast path; None where a closer look is needed."""
    if isinstance(value, str | dict | None):
        return None
    try:
        array = np.array(value)
    except (ValueError, OverflowError):
        return None
    if array.ndim > DEEPEST:
        return None
    if array.dtype.kind == "u":
        return array.astype(np.float64)
    return array if array.dtype.kind in "if" or (array.dtype.kind == "b" and array.ndim == 0) else None


def find_axes(value: Any) -> list[Axis] | Trouble:
    """The levels of nesting, read off the first entry of each."""
    axes: list[Axis] = []
    while isinstance(value, list | dict):
        if len(axes) == DEEPEST:
            return Trouble("E0404", f"lists are nested more than {DEEPEST} deep")
        axes.append(Axis(len(value), tuple(map(str, value)) if isinstance(value, dict) else None))
        if not value:
            break
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return axes


def collect(value: Any, axes: list[Axis], path: tuple[Any, ...], leaves: list[Any]) -> Trouble | None:
    """Put the leaves under ``value`` in row-major order behind ``leaves``; return the first disagreement."""
    level = len(path)
    if level == len(axes):
        if isinstance(value, list | dict):
            return Trouble("E0404", f"the nesting is uneven: a number was expected {at(path)}, not a list")
        leaves.append(value)
        return None
    entries = ordered_entries(value, axes[level], path)
    if isinstance(entries, Trouble):
        return entries
    for key, entry in entries:
        trouble = collect(entry, axes, (*path, key), leaves)
        if trouble is not None:
            return trouble
    return None


def ordered_entries(value: Any, axis: Axis, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any]] | Trouble:
    """The entries of one level in the order of its axis."""
    if axis.labels is not None and isinstance(value, dict):
        if len(value) != axis.length or any(label not in value for label in axis.labels):
            extra = ", ".join(sorted(set(map(str, value)) ^ set(axis.labels))[:8])
            return Trouble("E0402", f"objects side by side have different labels {at(path)}: {extra}")
        return ((label, value[label]) for label in axis.labels)
    if axis.labels is None and isinstance(value, list):
        if len(value) != axis.length:
            first = (*(0 for _ in path),)
            return Trouble(
                "E0404",
                f"the rows have different lengths: {len(value)} {at(path)}, {axis.length} {at(first)}",
            )
        return iter(enumerate(value))
    kinds = "an object" if axis.labels is not None else "a list"
    return Trouble("E0404", f"the nesting is uneven: {kinds} was expected {at(path)}, not {describe(value)}")


def leaf_array(leaves: list[Any]) -> np.ndarray | Trouble:
    """A flat array of leaves; entries that are text but no infinity make it an array of objects."""
    read = [INFINITIES.get(leaf, leaf) if isinstance(leaf, str) else leaf for leaf in leaves]
    if any(leaf is None for leaf in read):
        return Trouble("E0407", "null stands where a number is needed")
    if any(isinstance(leaf, str) for leaf in read):
        array = np.empty(len(read), object)
        array[:] = read
        return array
    if read and all(isinstance(leaf, bool) for leaf in read):
        return np.array(read, bool)
    if any(isinstance(leaf, bool) for leaf in read):
        return Trouble("E0406", "truth values and numbers stand in one array")
    if all(isinstance(leaf, int) and abs(leaf) < 2**63 for leaf in read):
        return np.array(read, np.int64)
    try:
        return np.array([float(leaf) for leaf in read])
    except OverflowError:
        return Trouble("E0408", "a number is too large for double precision")


def at(path: tuple[Any, ...]) -> str:
    """A place within nested data, as text: ``at [2]["north"]``."""
    parts = (f'["{p}"]' if isinstance(p, str) else f"[{p}]" for p in path)
    return "at " + "".join(parts) if path else "at the top"


def describe(value: Any) -> str:
    """A word for what a value is."""
    if isinstance(value, str):
        return f'the text "{value[:40]}"'
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return str(value)[:40]

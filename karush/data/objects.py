"""Values from Python: numbers, lists, NumPy and JAX arrays, pandas, SciPy sparse matrices, and traced values.

pandas and SciPy are known by their attributes, so that neither needs to be installed.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from karush.data.array_file import one_array
from karush.data.given import Given, Labels, Reading, Refused, Trouble
from karush.data.nested import Nested
from karush.data.sparse import is_sparse, read_array, sparse_object


@dataclass
class Memory:
    """Which arrays were checked for which param before; an array is forgotten when it is freed."""

    known: dict[tuple[str, int], weakref.ref[Any]] = field(default_factory=dict)

    def has(self, name: str, value: Any) -> bool:
        """Whether this very object passed as a value of this param."""
        reference = self.known.get((name, id(value)))
        return reference is not None and reference() is value

    def note(self, name: str, value: Any) -> None:
        """Remember an object that passed; one that cannot be referred to weakly is checked every time."""
        key = (name, id(value))
        try:
            self.known[key] = weakref.ref(value, lambda _: self.known.pop(key, None))
        except TypeError:
            return


def read_object(name: str, value: Any, is_traced: Callable[[Any], bool], memory: Memory) -> Reading:
    """One value under its name; ``is_traced`` says which values are known only when the program runs."""
    origin = f"the argument {name}"
    if is_traced(value):
        return Reading((Given(name, value, origin, traced=True),))
    if is_sparse(value):
        reading = with_nested(name, origin, sparse_object(value))
        known = memory.has(name, value)
        return replace(reading, values=tuple(replace(given, checked=known) for given in reading.values))
    if memory.has(name, value):
        return Reading((replace(plain_given(name, value, origin), checked=True),))
    if hasattr(value, "to_numpy") and hasattr(value, "index"):
        return labelled(name, origin, value)
    if isinstance(value, list | tuple | dict):
        return with_nested(name, origin, read_array(as_lists(value)))
    array = np.asarray(value)
    if array.dtype == object:
        trouble = Trouble("E0406", f"a value of type {type(value).__name__} is not an array of numbers")
        return Reading(refused=(Refused(name, origin, trouble),))
    return one_array(name, array, origin)


def plain_given(name: str, value: Any, origin: str) -> Given:
    """An array that passed before."""
    reading = one_array(name, np.asarray(value), origin)
    return reading.values[0]


def with_nested(name: str, origin: str, nested: Nested | Trouble) -> Reading:
    """A nested value, or why it is none."""
    if isinstance(nested, Trouble):
        return Reading(refused=(Refused(name, origin, nested),))
    return Reading((Given(name, nested.array, origin, nested.labels, nested.pattern),))


def as_lists(value: Any) -> Any:
    """Tuples and arrays within lists and dicts as lists; keys as text."""
    if isinstance(value, Mapping):
        return {str(key): as_lists(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [as_lists(entry) for entry in value]
    return value.tolist() if hasattr(value, "tolist") else value


def labelled(name: str, origin: str, value: Any) -> Reading:
    """A pandas Series or DataFrame; its index (and columns) are labels unless they merely count."""
    reading = one_array(name, np.asarray(value.to_numpy()), origin)
    indices = [value.index, *([value.columns] if hasattr(value, "columns") else [])]
    labels: Labels = tuple(None if counts(index) else tuple(map(str, index)) for index in indices)
    return replace(reading, values=tuple(replace(given, labels=labels) for given in reading.values))


def counts(index: Any) -> bool:
    """Whether an index is the 0, 1, 2, … that pandas makes by itself."""
    return type(index).__name__ == "RangeIndex"

"""The record that a solved model returns: a pytree with a name for every entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import Any

import jax
import numpy as np

from karush.display import Shown, flat, solution_html, solution_latex
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.result import Status

LINES, WIDTH = 12, 76
VERDICTS = ("primal", "dual", "objective", "status")


def is_traced(value: Any) -> bool:
    """Whether a value, sparse matrices included, is known only when the program runs."""
    return any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(value))


def is_concrete(value: Any) -> bool:
    """Whether a value is an array (or number) whose entries can be looked at."""
    return not is_traced(value) and (hasattr(value, "__array__") or isinstance(value, int | float | bool))


def show_array(value: Any) -> str:
    """An array on one line where it fits, else its shape and range."""
    if isinstance(value, Record):
        return repr(value)
    if not is_concrete(value):
        return f"{getattr(value, 'dtype', type(value).__name__)}{list(getattr(value, 'shape', ()))}"
    array = np.asarray(value)
    text = np.array2string(array, precision=6, separator=", ", suppress_small=True)
    if array.size <= 64 and text.count("\n") < LINES:
        return text
    ends = f", {array.min():.6g} .. {array.max():.6g}" if array.size and array.dtype.kind in "iuf" else ""
    return f"array of shape {array.shape}{ends}"


@jax.tree_util.register_pytree_with_keys_class
class Record(Mapping[str, Any]):
    """Named entries, by attribute (``record.cap``) or key (``record["cap"]``): arrays, or records again."""

    def __init__(self, entries: Mapping[str, Any]):
        self._entries = {k: Record(v) if type(v) is dict else v for k, v in entries.items()}

    def __getattr__(self, name: str) -> Any:
        entries = self.__dict__.get("_entries", {})
        if name in entries:
            return entries[name]
        raise AttributeError(f"no entry {name!r}; there are: {', '.join(entries) or 'none'}")

    def __getitem__(self, name: str) -> Any:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._entries]

    def __repr__(self) -> str:
        return "(" + ", ".join(f"{name}={show_array(value)}" for name, value in self._entries.items()) + ")"

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[str, ...]]:
        """The entries with their names as paths."""
        keyed = [(jax.tree_util.GetAttrKey(name), value) for name, value in self._entries.items()]
        return keyed, tuple(self._entries)

    @classmethod
    def tree_unflatten(cls, names: tuple[str, ...], values: Any) -> Record:
        """The record of these names and values."""
        record = cls.__new__(cls)
        record._entries = dict(zip(names, values, strict=True))
        return record


@jax.tree_util.register_pytree_with_keys_class
class EvidenceRecord(Record):
    """The evidence of a derivative; its verdicts (``primal``, ``status``, …) are a `DerivativeStatus` each."""

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        return readable(value, DerivativeStatus) if name in VERDICTS else value

    def __repr__(self) -> str:
        words = [f"{name}={show_word(getattr(self, name))}" for name in self if name in VERDICTS]
        numbers = [f"{n}={show_array(v)}" for n, v in self.items() if n not in VERDICTS and not isinstance(v, Record)]
        return f"({', '.join([*words, *numbers])})"


@jax.tree_util.register_pytree_with_keys_class
class Result:
    """The solution of a model.

    ``sol.w`` or ``sol["w"]`` for vars and lets, ``sol.objective`` (of the stated sense; None in a function file),
    ``sol.status`` (see `Status`; an array under vmap), ``sol.dual.cap``, ``sol.slack.cap``, ``sol.derivative``
    (evidence), ``sol.statistics`` (iterations, residuals, certificate). A pytree; vars and lets come first where
    a name means two things.
    """

    def __init__(self, model: str, values: Mapping[str, Any], fields: Mapping[str, Any]):
        self._model, self._values, self._fields = model, dict(values), dict(fields)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self._values:
            return self._values[name]
        if name == "status":
            return readable(self._fields["status"], Status)
        if name in self._fields:
            return self._fields[name]
        raise AttributeError(f"no value {name!r}; there are: {', '.join([*self._values, *self._fields])}")

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._values, *self._fields]

    def __repr__(self) -> str:
        lines = [f"{self._model}: {show_word(self.status)}"]
        if self._fields.get("objective") is not None:
            lines[0] += f", objective {show_array(self._fields['objective'])}"
        for name, value in self._values.items():
            text = show_array(value)
            joint = "\n" if "\n" in text or len(text) + len(name) > WIDTH else " "
            lines.append(f"  {name} ={joint}" + text.replace("\n", "\n    "))
        if self._fields.get("dual"):
            lines.append(f"  duals: {', '.join(self._fields['dual'])}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return solution_html(self._shown())

    def _repr_latex_(self) -> str:
        return solution_latex(self._shown())

    def _shown(self) -> Shown:
        trees = {"values": self._values, "duals": self._fields.get("dual") or {}}
        leaves = {title: flat(tree.items()) for title, tree in trees.items() if tree}
        groups = {title: {name: as_shown(v) for name, v in found.items()} for title, found in leaves.items()}
        objective = self._fields.get("objective")
        return Shown(self._model, show_word(self.status), None if objective is None else as_shown(objective), groups)

    def tree_flatten_with_keys(self) -> tuple[list[tuple[Any, Any]], tuple[str, tuple[str, ...], tuple[str, ...]]]:
        """Values first, then the fields."""
        entries = [*self._values.items(), *self._fields.items()]
        keyed = [(jax.tree_util.GetAttrKey(name), value) for name, value in entries]
        return keyed, (self._model, tuple(self._values), tuple(self._fields))

    @classmethod
    def tree_unflatten(cls, names: tuple[str, tuple[str, ...], tuple[str, ...]], entries: Any) -> Result:
        """The result of these names and entries."""
        model, values, fields = names
        entries = list(entries)
        return cls(
            model,
            dict(zip(values, entries[: len(values)], strict=True)),
            dict(zip(fields, entries[len(values) :], strict=True)),
        )


def as_shown(value: Any) -> np.ndarray | str:
    """An array, or in words what is known of one while a program is traced."""
    return np.asarray(value) if is_concrete(value) else show_array(value)


def readable(status: Any, words: type[IntEnum]) -> Any:
    """A member of ``words`` (an int with a name) where the status is one known number, else the array."""
    if is_concrete(status) and np.ndim(status) == 0 and int(status) in set(words):
        return words(int(status))
    return status


def show_word(status: Any) -> str:
    """The name of a status, or its array."""
    return status.name.lower() if isinstance(status, IntEnum) else show_array(status)

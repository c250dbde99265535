"""A value that somebody gave, before it is bound to a param: entries, labels of axes, where it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Source, Span

Labels = tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True)
class Pattern:
    """Positions of the stored entries of a sparse (m, n) matrix, row by row, each once; zeros may be stored."""

    rows: np.ndarray
    cols: np.ndarray
    shape: tuple[int, int]

    @property
    def full(self) -> bool:
        """Whether every position is stored."""
        return len(self.rows) == self.shape[0] * self.shape[1]

    @property
    def small(self) -> bool:
        """Whether the matrix may be held dense."""
        return self.shape[0] * self.shape[1] <= DENSE_ENTRIES

    def dense(self, entries: np.ndarray) -> np.ndarray:
        """The dense matrix of these entries, which must be `small`."""
        matrix = np.zeros(self.shape, entries.dtype)
        matrix[self.rows, self.cols] = entries
        return matrix


DENSE_ENTRIES = 2**25
"""A sparse matrix of more positions is never made dense: a few bytes of data must not ask for all of the memory."""


@dataclass(frozen=True)
class SparseMatrix:
    """A checked sparse matrix: ``entries`` (nnz,) at the positions of ``pattern``."""

    entries: np.ndarray
    pattern: Pattern

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.pattern.shape


@dataclass(frozen=True)
class Trouble:
    """Why a value cannot be read, before it is known where the param is declared.

    ``code`` is a code of ``dsl/codes.py``; ``message`` is in the user's words.
    """

    code: str
    message: str
    notes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Given:
    """A value for the param (or dim) ``name``.

    ``value`` is an array with entries of kind float, integer, bool, or object (text among the entries); with a
    ``pattern`` it holds the stored entries alone; under ``traced`` it is anything with a ``shape`` and ``dtype``.
    ``labels`` has one entry an axis, None where the axis has no labels. A ``table`` is a matrix from a CSV whose true
    number of axes only its param tells. ``priority`` is higher for what wins over other sources (``-p``, keyword
    arguments). ``checked`` says that this very array passed as a value of this param before.
    """

    name: str
    value: Any
    origin: str
    labels: Labels = ()
    pattern: Pattern | None = None
    table: bool = False
    traced: bool = False
    priority: int = 0
    checked: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(self.value.shape) if self.pattern is None else self.pattern.shape

    def place(self, index: Sequence[int]) -> tuple[int, ...]:
        """Where the entry ``value[index]`` stands in the param."""
        if self.pattern is None or len(index) != 1:
            return tuple(index)
        return int(self.pattern.rows[index[0]]), int(self.pattern.cols[index[0]])


@dataclass(frozen=True)
class Refused:
    """A value for ``name`` that could not be read at all."""

    name: str
    origin: str
    trouble: Trouble


@dataclass(frozen=True)
class Reading:
    """What was found in some sources: values, refused values, and findings about the files themselves."""

    values: tuple[Given, ...] = ()
    refused: tuple[Refused, ...] = ()
    findings: tuple[Diagnostic, ...] = ()

    def __add__(self, other: Reading) -> Reading:
        return Reading(self.values + other.values, self.refused + other.refused, self.findings + other.findings)


@dataclass(frozen=True)
class Binding:
    """The data of one run: the params that were given, the value of every dim, labels of dims that have them.

    ``params`` holds no entry for a param that takes its default, and a `SparseMatrix` for one that was given sparse.
    ``labels`` is keyed by dim.
    """

    params: Mapping[str, Any]
    dims: Mapping[str, int]
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def patterns(self) -> dict[str, Pattern]:
        """The patterns of the params that were given sparse."""
        return {name: value.pattern for name, value in self.params.items() if isinstance(value, SparseMatrix)}


def file_finding(code: str, message: str, source: Source, offset: int = 0) -> Diagnostic:
    """A finding whose place is one character of a data file."""
    start = max(0, min(offset, len(source.text) - 1))
    return Diagnostic(code, message, (Label(Span(source, start, min(start + 1, len(source.text))), "here"),))

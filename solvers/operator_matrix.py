"""Matrices that are known by their products alone: neither dense nor a list of entries."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from jax import Array


class OperatorMatrix(ABC):
    """A matrix M (r, n) by its products with vectors, beside what solvers ask of its size (matrices.py)."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, int]:
        """(r, n)."""

    @property
    @abstractmethod
    def T(self) -> Any:  # noqa: N802, the name that arrays have
        """Mᵀ."""

    @abstractmethod
    def __matmul__(self, x: Array) -> Array:
        """M x for x (n,)."""

    @abstractmethod
    def adjoint(self, u: Array) -> Array:
        """Mᵀ u for u (r,)."""

    @abstractmethod
    def row_terms(self, x: Array) -> Array:
        """The size of the terms |M_ij x_j| of each row, (r,)."""

    @abstractmethod
    def column_terms(self, u: Array) -> Array:
        """The size of the terms |M_ij u_i| of each column, (n,)."""

"""The figures by name, and the options that each of them takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from karush.figures.clarke import clarke
from karush.figures.figure import Figure
from karush.figures.memory import memory
from karush.figures.overhead import overhead
from karush.figures.pool_tie import pool_tie
from karush.figures.relu_matmul import relu_matmul
from karush.figures.relu_tie import relu_tie

Options = Mapping[str, Any]


def of_ties(**options: Any) -> tuple[Figure, ...]:
    """relu'(0), and the norm of the element at ties of a maximum."""
    draws = {"draws": options["draws"]} if "draws" in options else {}
    return relu_tie(**options), pool_tie(**draws)


FIGURES: Mapping[str, Callable[..., tuple[Figure, ...]]] = {
    "overhead": lambda **options: (overhead(**options),),
    "relu-matmul": lambda **options: (relu_matmul(**options),),
    "clarke": lambda **options: (clarke(**options),),
    "relu-tie": of_ties,
    "memory": lambda **options: (memory(**options),),
}

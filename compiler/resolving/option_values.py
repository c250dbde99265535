"""What values the options of ``using`` and ``derivative`` take."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

OptionValue = float | int | bool | str


@dataclass(frozen=True)
class Wanted:
    """The values that an option takes: in words, an example of one, and which they are."""

    words: str
    example: str
    takes: Callable[[OptionValue], bool]


def _is_positive(value: OptionValue) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf


def _is_count(value: OptionValue) -> bool:
    return _is_positive(value) and isinstance(value, int)


def _is_word(value: OptionValue) -> bool:
    return isinstance(value, str)


def _count(example: int) -> Wanted:
    return Wanted("a whole number, at least 1", str(example), _is_count)


OPTION_VALUES: Mapping[str, Wanted] = {
    "tol": Wanted("a positive number", "1e-8", _is_positive),
    "mu_final": Wanted("a positive number", "1e-10", _is_positive),
    "active": Wanted("a positive number", "1e-6", _is_positive),
    "max_iter": _count(100),
    "memory": _count(10),
    "steps": _count(100),
    "curvature": Wanted("`loglog`, for a geometric program", "loglog", lambda value: value == "loglog"),
    "checkpoint": Wanted("`sqrt`: memory as the root of the length", "sqrt", lambda value: value == "sqrt"),
    "linear": Wanted("the name of a linear solver", "gmres", _is_word),
}
"""Options by name; one that does not stand here takes any plain value."""

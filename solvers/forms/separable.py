"""What is known of variables that hang together only in small parts, such as the unknowns of one atom's graph form.

``logistic(X @ w)`` for 100 rows brings in 300 variables, but the three of one row meet only each other and w: a
factorisation can do without them part by part, and is of the size of w then.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Separable:
    """``count`` parts of equal structure. Static.

    Part i holds the variables ``first + i`` for each ``first`` of ``columns``, and the rows ``first + i·width …
    first + (i + 1)·width − 1`` of [G; F] for each pair (first, width) of ``rows``. No other row holds one of these
    variables, nor does A, and P has no entry at one. ``links`` say, for each pair of ``rows``, which of the width rows
    may hold a variable that is in no part; an empty tuple says that all may.
    """

    columns: tuple[int, ...]
    rows: tuple[tuple[int, int], ...]
    count: int
    links: tuple[tuple[int, ...], ...] = ()

    def linked(self, pair: int) -> tuple[int, ...]:
        """The rows of a pair, counted from 0, that may hold a variable in no part."""
        return self.links[pair] if self.links else tuple(range(self.rows[pair][1]))

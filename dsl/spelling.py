"""Which known word was meant."""

from __future__ import annotations

from collections.abc import Iterable

LIMIT = 2
"""A word further away than this is another word."""


def closest(word: str, candidates: Iterable[str]) -> str | None:
    """The candidate fewest slips away from a word, at most LIMIT and fewer than the word has letters."""
    best, reach = None, min(LIMIT, max(1, len(word) - 1)) + 1
    for candidate in candidates:
        if candidate != word and abs(len(candidate) - len(word)) < reach and len(word) > 1:
            away = distance(word, candidate)
            if away < reach:
                best, reach = candidate, away
    return best


def distance(left: str, right: str) -> int:
    """Letters to insert, drop, change or swap with their neighbour (optimal string alignment)."""
    before: list[int] = []
    above = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        row = [i]
        for j, b in enumerate(right, 1):
            cost = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, above = above, row
    return above[-1]

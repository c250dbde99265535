"""Infeasible models explained: an irreducible conflict in the words of the file, and the least relaxation (R0701)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.places import Place, Places
from karush.compiler.lowering.side_params import Entry, SideParams
from karush.dsl.diagnostics import Diagnostic, Label
from karush.solvers.conflicts.conditions import Conditions
from karush.solvers.conflicts.irreducible import Conflict, irreducible
from karush.solvers.conflicts.relaxation import Elastic, least_moves, least_together
from karush.told import Teller, amount

MOST_ROWS = 24
"""Of more rows in conflict than these the relaxation is not computed row by row, and so many are shown."""
MOST_ENTRIES = 16
"""So many entries of params are tried."""
MOST_ADVICE = 3
MOST_TOGETHER = 8


@dataclass(frozen=True)
class Row:
    """A condition of the conflict: its place, the params in it, and how far it alone must give way.

    ∞: that is not enough, NaN: not computed, or not in the units of the statement.
    """

    condition: int
    place: Place
    params: Mapping[Entry, float]
    weight: float
    alone: float


@dataclass(frozen=True)
class Change:
    """A change of one entry of a param that makes the model feasible."""

    entry: Entry
    by: float
    value: float


@dataclass(frozen=True)
class Explanation:
    """``rows`` conflict. ``changes``: entries of params that alone are enough, the smallest relative change first.

    ``together``: the sides that give way in the least joint relaxation, with the amounts by which each moves.
    """

    rows: tuple[Row, ...]
    is_irreducible: bool
    changes: tuple[Change, ...]
    together: tuple[tuple[Place, float], ...]
    is_least: bool


def explain_conflict(
    compiled: Compiled, params: Mapping[str, Any], conditions: Conditions, weights: np.ndarray
) -> Explanation:
    """The explanation that starts from a certificate, by condition (K,)."""
    places = Places(compiled)
    fixed = places.brought_in()
    conflict, alone = _small_conflict(conditions, weights, fixed)
    measured = places.measured()
    alone = np.where(measured[conflict.members] | np.isinf(alone), alone, np.nan)
    known = SideParams(compiled, params)
    within, of_sides = known.entries(conflict.members)
    values = known.movable()
    rows = tuple(
        Row(int(k), places[int(k)], {e: float(values[e.name][e.index]) for e in entries}, float(weight), float(least))
        for k, entries, weight, least in zip(conflict.members, within, conflict.weights, alone, strict=True)
    )
    entries = sorted({entry for found in of_sides for entry in found})
    changes = _changes(known, conditions, conflict, entries[:MOST_ENTRIES], values)
    elastic = least_together(conditions, conflict.members, conditions.present & ~fixed & measured)
    amounts = [] if elastic is None else [(k, elastic.amounts[k]) for k in np.flatnonzero(_clear(conditions, elastic))]
    together = tuple((places[int(k)], float(by)) for k, by in amounts)
    return Explanation(rows, conflict.is_irreducible, changes, together, elastic is not None and elastic.is_least)


def _small_conflict(conditions: Conditions, weights: np.ndarray, fixed: np.ndarray) -> tuple[Conflict, np.ndarray]:
    """A conflict, and how far each member alone must give way.

    A member that cannot end the trouble alone leaves another conflict, which is told instead if it is smaller: what
    is short is soon understood. (To find the smallest of all is NP-hard.)
    """
    conflict = irreducible(conditions, weights, fixed)
    while True:
        alone, certificates = _alone(conditions, conflict)
        others = [irreducible(conditions, certificates[at], fixed) for at in np.flatnonzero(np.isinf(alone))]
        best = min(others, key=lambda other: len(other.members), default=conflict)
        if len(best.members) >= len(conflict.members) or not best.is_irreducible:
            return conflict, alone
        conflict = best


def _alone(conditions: Conditions, conflict: Conflict) -> tuple[np.ndarray, np.ndarray]:
    """How far each member alone must give way, NaN where that is not computed; and certificates without it."""
    members = conflict.members[:MOST_ROWS]
    moves = np.zeros((len(members), len(conditions.side)))
    pressed = np.where(conflict.weights[:MOST_ROWS] < 0, -1.0, 1.0) * conditions.sign[members]
    moves[np.arange(len(members)), members] = -pressed
    rest = np.full(len(conflict.members) - len(members), np.nan)
    least, certificates = least_moves(conditions, moves)
    return np.concatenate([least, rest]), certificates


def _changes(
    known: SideParams,
    conditions: Conditions,
    conflict: Conflict,
    entries: Sequence[Entry],
    values: Mapping[str, Any],
) -> tuple[Change, ...]:
    """The entries that move nothing but sides, and how far each alone must go."""
    if not entries:
        return ()
    tangents = known.moves(entries)
    pull = (conflict.weights * conditions.sign[conflict.members] * tangents[:, conflict.members]).sum(axis=1)
    usable = np.flatnonzero(np.isfinite(pull) & (np.abs(pull) > 0))
    directions = -np.sign(pull[usable])
    least, _ = least_moves(conditions, directions[:, None] * tangents[usable])
    found = []
    for at, direction, by in zip(usable, directions, least, strict=True):
        entry, step = entries[int(at)], float(direction * by)
        if np.isfinite(step) and _is_straight(known, conditions, entry, step, tangents[at]):
            found.append(Change(entry, step, float(values[entry.name][entry.index])))
    return tuple(sorted(found, key=lambda c: abs(c.by) / (abs(c.value) or 1.0)))


def _is_straight(known: SideParams, conditions: Conditions, entry: Entry, by: float, tangent: np.ndarray) -> bool:
    """Whether the sides move along the tangent all the way, and the entry stays within the sign its set asks for."""
    use = known.compiled.model.params[entry.name].set
    value = float(known.movable()[entry.name][entry.index]) + by
    outside = {"nonneg": value < 0, "pos": value <= 0, "nonpos": value > 0, "neg": value >= 0}
    if use is not None and outside.get(use.name, False):
        return False
    moved = known.sides_at(entry, by)
    expected = conditions.side + by * tangent
    there = conditions.present
    return bool(np.allclose(moved[there], expected[there], rtol=1e-9, atol=1e-9 * (1 + abs(by))))


def _clear(conditions: Conditions, elastic: Elastic) -> np.ndarray:
    """The amounts that are no rounding."""
    relative = np.abs(elastic.amounts) / (1 + np.abs(conditions.side))
    return relative > 1e-6 * relative.max(initial=0.0)


# ---------------------------------------------------------------- in words


def diagnostic(found: Explanation, teller: Teller) -> Diagnostic:
    """R0701 with a label for every row, and what to relax."""
    count = len(found.rows)
    labels = [Label(teller.span(row.place), _row_words(row, found, teller), primary=True) for row in found.rows]
    ordered = sorted(labels[:MOST_ROWS], key=lambda label: label.span.start)
    notes = [("note", f"{count - MOST_ROWS} more conditions take part")] if count > MOST_ROWS else []
    notes += [("help", text) for text in _advice(found, teller)]
    return Diagnostic("R0701", f"infeasible: {_headline(count, found.is_irreducible)}", tuple(ordered), tuple(notes))


def _headline(count: int, is_irreducible: bool) -> str:
    if count == 1:
        return "this condition cannot hold"
    if not is_irreducible:
        return f"these {count} conditions conflict (fewer of them may do so, too)"
    rest = "each of them alone does not" if count == 2 else f"any {count - 1} of them do not"
    return f"these {count} conditions conflict, and {rest}"


def _row_words(row: Row, found: Explanation, teller: Teller) -> str:
    """``at i = "London" (pd = 0.5), upper side: no relaxation of this alone is enough``."""
    names = [entry.name for entry in row.params]
    shown = ", ".join(
        f"{entry.name if names.count(entry.name) == 1 else teller.param(entry)} = {amount(value)}"
        for entry, value in row.params.items()
    )
    words = " ".join(filter(None, (teller.at_words(row.place), f"({shown})" if shown else "")))
    side = f"{row.place.side} side" if row.place.has_both_sides else ""
    head = ", ".join(filter(None, (words, side)))
    if np.isnan(row.alone):
        return head
    tail = "not enough to relax this alone" if np.isinf(row.alone) else f"relaxed by {amount(row.alone)} it is enough"
    return f"{head}: {tail}" if head else tail


def _advice(found: Explanation, teller: Teller) -> Iterator[str]:
    """What to change: entries of params, else rows alone, else several together."""
    ways = [f"{teller.param(c.entry)} by {_signed(c.by)}" for c in found.changes[:MOST_ADVICE]]
    if not ways:
        rows = sorted((row for row in found.rows if np.isfinite(row.alone)), key=lambda row: row.alone)
        ways = [f"{_place_words(row.place, teller)} by {amount(row.alone)}" for row in rows[:MOST_ADVICE]]
    if ways:
        yield f"least relaxation: {', or '.join(ways)}"
        return
    if any(np.isinf(row.alone) for row in found.rows):
        yield "no relaxation of one of them alone is enough: there are other conflicts"
    if found.together:
        said = [f"{_place_words(place, teller)} by {amount(abs(by))}" for place, by in found.together[:MOST_TOGETHER]]
        more = len(found.together) - len(said)
        rest = f", and {more} more" if more else ""
        yield f"{'least ' if found.is_least else ''}relaxation of several: {', '.join(said)}{rest}"


def _signed(value: float) -> str:
    return f"{value:+.4g}"


def _place_words(place: Place, teller: Teller) -> str:
    """``cap (upper side, at i = 3)``."""
    side = f"{place.side} side" if place.has_both_sides else ""
    more = ", ".join(filter(None, (side, teller.at_words(place))))
    return f"{teller.name(place)} ({more})" if more else teller.name(place)


# ---------------------------------------------------------------- as a record


def record(found: Explanation, teller: Teller) -> dict[str, Any]:
    """The explanation as JSON data; ∞ as null with ``enough`` false."""
    return {
        "irreducible": found.is_irreducible,
        "conflict": [_row_record(row, teller) for row in found.rows],
        "params": [{"param": teller.param(c.entry), "value": c.value, "by": c.by} for c in found.changes],
        "together": [{**_place_record(place, teller), "by": by} for place, by in found.together],
    }


def _row_record(row: Row, teller: Teller) -> dict[str, Any]:
    known = None if np.isnan(row.alone) else bool(np.isfinite(row.alone))
    return {
        **_place_record(row.place, teller),
        "params": {teller.param(entry): value for entry, value in row.params.items()},
        "weight": row.weight,
        "alone": {"enough": known, "by": row.alone if known else None},
    }


def _place_record(place: Place, teller: Teller) -> dict[str, Any]:
    span = teller.span(place)
    return {"name": teller.name(place), "line": span.line, "side": place.side, "at": dict(teller.at(place))}

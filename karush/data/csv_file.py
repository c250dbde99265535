"""Data in CSV: one table, one param; labels stand in the head and in the first column."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import numpy as np

from karush.data.given import Given, Reading, Refused, Trouble
from karush.data.nested import INFINITIES, leaf_array


def read_csv(text: str, param: str, name: str) -> Reading:
    """The table of a CSV text from the file ``name``; ``fit_table`` gives it the axes of its param later."""
    origin = f"{param} in {name}"
    try:
        rows = list(csv.reader(io.StringIO(text), strict=True))
    except csv.Error as error:
        return Reading(refused=(Refused(param, origin, Trouble("E0409", f"not a CSV table: {error}")),))
    table = [[cell.strip() for cell in row] for row in rows if any(cell.strip() for cell in row)]
    trouble = uneven(table)
    if trouble is not None:
        return Reading(refused=(Refused(param, origin, trouble),))
    columns, body = split_head(table)
    labels, body = split_first_column(columns, body)
    if columns is not None and labels is not None:
        columns = columns[1:]
    entries = leaf_array([number(cell) for row in body for cell in row])
    repeated = next((x for names in (labels, columns) if names for x in names if names.count(x) > 1), None)
    if repeated is not None:
        entries = Trouble("E0405", f'the label "{repeated}" stands twice')
    if isinstance(entries, Trouble):
        return Reading(refused=(Refused(param, origin, entries),))
    value = entries.reshape(len(body), len(body[0]) if body else 0)
    heads = (tuple(labels) if labels is not None else None, tuple(columns) if columns is not None else None)
    return Reading((Given(param, value, origin, heads, table=True),))


def uneven(table: list[list[str]]) -> Trouble | None:
    """Why the rows do not make a table; None if they do."""
    if not table:
        return Trouble("E0409", "the table is empty")
    for place, row in enumerate(table):
        if len(row) != len(table[0]):
            message = f"row {place + 1} has {len(row)} cells, the first row has {len(table[0])}"
            return Trouble("E0404", message)
    return None


def number(cell: str) -> float | int | str | None:
    """The number in a cell, the text itself if it is none, None for an empty cell."""
    if not cell:
        return None
    if cell in INFINITIES:
        return INFINITIES[cell]
    for kind in (int, float):
        try:
            return kind(cell) if "_" not in cell else cell
        except ValueError:
            continue
    return cell


def is_number(cell: str) -> bool:
    """Whether a cell holds a number (an empty one does not)."""
    return bool(cell) and not isinstance(number(cell), str)


def split_head(table: list[list[str]]) -> tuple[list[str] | None, list[list[str]]]:
    """The head, if there is one, and the rows below it.

    The first row is a head if something beyond its first cell is no number, or its first cell is empty, or
    its first cell alone is text above a column of numbers.
    """
    first, rest = table[0], table[1:]
    beyond = first[1:] if len(first) > 1 else first
    text_above = not is_number(first[0]) and bool(rest) and all(is_number(row[0]) for row in rest)
    if not first[0] or text_above or not all(is_number(cell) for cell in beyond):
        return first, rest
    return None, table


def split_first_column(head: list[str] | None, body: list[list[str]]) -> tuple[list[str] | None, list[list[str]]]:
    """The labels of the rows, if the first column holds any, and the cells beside them."""
    wide = bool(body) and len(body[0]) > 1
    empty_corner = head is not None and not head[0]
    if wide and (empty_corner or not all(is_number(row[0]) for row in body)):
        return [row[0] for row in body], [row[1:] for row in body]
    return None, body


def fit_table(given: Given, rank: int) -> Given:
    """A table as an array with ``rank`` axes: one column or one row is a vector, one cell a scalar.

    A table that does not fit is returned as it is, for the check of shapes to speak.
    """
    rows, columns = given.value.shape
    if rank == 1 and columns == 1:
        return replace(given, value=given.value[:, 0], labels=given.labels[:1], table=False)
    if rank == 1 and rows == 1:
        return replace(given, value=given.value[0], labels=given.labels[1:], table=False)
    if rank == 0 and rows == columns == 1:
        return replace(given, value=np.asarray(given.value[0, 0]), labels=(), table=False)
    return replace(given, table=False)

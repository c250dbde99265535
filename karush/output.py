"""Results as JSON, NPZ and CSV. A file is written whole or not at all."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from karush.writing import special, write_stdout, write_whole

__all__ = [
    "Output", "encode", "plain", "special", "to_csv", "to_json", "to_npz", "unwritable", "write_stdout", "write_whole",
]  # fmt: skip

ENDINGS = (".json", ".npz", ".csv")
TREES = ("values", "duals", "gradients")

Record = Mapping[str, Any]
Axes = tuple[tuple[str, ...] | None, ...]


@dataclass(frozen=True)
class Output:
    """A result to be shown: the record of language.md with NumPy arrays in it, and the labels of its arrays.

    ``axes`` maps a dotted name such as ``values.w`` to the labels of every axis, None for an axis without.
    """

    record: Record
    axes: Mapping[str, Axes] = field(default_factory=dict)


def plain(value: Any) -> Any:
    """Arrays as nested lists, statuses as words; null for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, np.ndarray):
        finite = value.dtype.kind != "f" or bool(np.isfinite(value).all())
        return value.tolist() if finite else plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(record: Record) -> str:
    """Strict JSON, a line for every field of the record."""
    lines = (f" {json.dumps(str(key))}: {dump(plain(value))}" for key, value in record.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def dump(value: Any) -> str:
    """JSON of a plain value."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False)


def leaves(record: Record) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of a record by dotted name: ``values.w``, ``duals.rate.lower``, ``gradients.mu``."""
    for key in ("objective", "value"):
        if record.get(key) is not None:
            yield key, np.asarray(record[key])
    for tree in TREES:
        yield from branch(tree, record.get(tree) or {})


def branch(name: str, tree: Any) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of one part of a record."""
    if isinstance(tree, Mapping):
        for key, entry in tree.items():
            yield from branch(f"{name}.{key}", entry)
    elif tree is not None:
        yield name, np.asarray(tree)


def to_npz(record: Record) -> bytes:
    """An NPZ archive: the arrays by dotted name, and ``status``."""
    arrays = dict(leaves(record))
    arrays["status"] = np.asarray(str(record.get("status", "")))
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def to_csv(output: Output) -> str:
    """The long form: name, indices (labels where there are any, joined by ``;``), value."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(("name", "indices", "value"))
    for name, array in leaves(output.record):
        axes = output.axes.get(name, ())
        for index in np.ndindex(array.shape):
            writer.writerow((name, ";".join(index_words(index, axes)), repr(array[index].item())))
    return buffer.getvalue()


def index_words(index: Sequence[int], axes: Axes) -> list[str]:
    """The indices of an entry as words: labels where an axis has them."""
    padded = (*axes, *(None for _ in index))
    return [str(i) if names is None else names[i] for i, names in zip(index, padded, strict=False)]


def unwritable(out: str) -> str | None:
    """Why ``-o OUT`` cannot be written, as far as can be known before the work; None if it can."""
    if out == "-":
        return None
    path = Path(out)
    if not path.parent.is_dir():
        return f"no such folder: {path.parent}"
    if path.is_dir():
        return f"{out} is a folder"
    if not special(path) and path.suffix not in ENDINGS:
        return f"{out}: the ending must be one of {', '.join(ENDINGS)}"
    return None


def encode(output: Output, ending: str) -> bytes:
    """The bytes of a result for a file with that ending; JSON for any other."""
    if ending == ".npz":
        return to_npz(output.record)
    if ending == ".csv":
        return to_csv(output).encode()
    return to_json(output.record).encode()

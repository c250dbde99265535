"""Cone programs from files: CBLIB-like npz and json (min cᵀx, Ax + s = b, s ∈ K), and SDPA files (dat-s.gz).

In npz a semidefinite cone is given by the order of its matrix, in json by its rows. The folder is `../shared/data`
beside the repository, or that of the environment variable KARUSH_DATA.
"""

from __future__ import annotations

import gzip
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from karush.solvers.forms.cones import ConeKind

KINDS: dict[str, ConeKind] = {"soc": "second_order", "exp": "exponential", "pow": "power", "psd": "semidefinite"}
NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


@dataclass(frozen=True)
class ConeProgram:
    """min cᵀx, A x + s = b, s ∈ K; ``cones`` (kind, rows, exponent) in the order of the rows; kinds as in the files."""

    name: str
    c: np.ndarray
    A: sp.csc_matrix
    b: np.ndarray
    cones: tuple[tuple[str, int, float], ...]


def folder() -> Path:
    """Where the sets are."""
    given = os.environ.get("KARUSH_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def paths(set_name: str) -> list[Path]:
    """The files of a set, smaller ones first; none where the set is absent."""
    found = [path for path in (folder() / set_name).glob("*") if path.name != "index.json"]
    return sorted(found, key=lambda path: path.stat().st_size)


def read(path: Path) -> ConeProgram:
    """The program of a file."""
    if path.name.endswith(".dat-s.gz"):
        return _sdpa(path)
    return _json(path) if path.suffix == ".json" else _npz(path)


def _npz(path: Path) -> ConeProgram:
    z = np.load(path)
    A = sp.csc_matrix((z["A_data"], z["A_indices"], z["A_indptr"]), shape=tuple(z["A_shape"]))
    cones = []
    for kind, size in json.loads(str(z["cones"])):
        if kind == "pow":
            cones.append((kind, 3, float(size)))
        else:
            cones.append((kind, size * (size + 1) // 2 if kind == "psd" else int(size), 0.0))
    return ConeProgram(path.stem, z["c"], A, z["b"], tuple(cones))


def _json(path: Path) -> ConeProgram:
    d = json.loads(path.read_text())["conic"]
    A = sp.csc_matrix((d["A"]["v"], (d["A"]["i"], d["A"]["j"])), shape=d["A"]["shape"])
    cones = []
    for cone in d["cones"]:
        kind = cone["type"].removesuffix("_triangle")
        cones.append((kind, int(cone["dim"]), float(cone.get("alpha", 0.0))))
    return ConeProgram(path.stem, np.array(d["c"]), A, np.array(d["b"]), tuple(cones))


def _sdpa(path: Path) -> ConeProgram:
    """Minimise cᵀx where Σ x_k F_k − F_0 ⪰ 0; blocks of one row and diagonal blocks are nonnegative rows."""
    with gzip.open(path, "rt") as file:
        lines = [line for line in file.read().splitlines() if line.strip() and line.lstrip()[0] not in '"*']
    numbers = [[float(text) for text in NUMBER.findall(line)] for line in lines]
    m, blocks = int(numbers[0][0]), [int(v) for v in numbers[2]][: int(numbers[1][0])]
    at, c = 3, []
    while len(c) < m:
        c, at = c + numbers[at], at + 1
    sizes = [abs(k) if k < 2 else k * (k + 1) // 2 for k in blocks]
    first = np.concatenate([[0], np.cumsum(sizes)])
    A, b = sp.lil_matrix((int(first[-1]), m)), np.zeros(int(first[-1]))
    for k, block, i, j, value in (v[:5] for v in numbers[at:] if len(v) >= 5):
        row, weight = _place(blocks[int(block) - 1], int(i) - 1, int(j) - 1)
        row += int(first[int(block) - 1])
        if k == 0:
            b[row] -= weight * value
        else:
            A[row, int(k) - 1] -= weight * value
    cones = tuple(("nonneg" if k < 2 else "psd", size, 0.0) for k, size in zip(blocks, sizes, strict=True))
    return ConeProgram(path.name.removesuffix(".dat-s.gz"), np.array(c[:m]), A.tocsc(), b, cones)


def _place(block: int, i: int, j: int) -> tuple[int, float]:
    """(row within the block, weight) of a matrix entry."""
    if block < 2:
        return i, 1.0
    i, j = max(i, j), min(i, j)
    return i * (i + 1) // 2 + j, 1.0 if i == j else 2.0**0.5

"""Inputs that look like what people write: example models and specification examples with slips, token soup, data
files with wrong entries and with wrong bytes.
"""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st

from karush.compiler.library import load_library
from karush.dsl.tokens import CLAUSE_WORDS, KEYWORDS

ROOT = Path(__file__).parents[2]
TOKEN = re.compile(r"[ \t]*\n[ \t]*|\w+|==|<=|>=|!=|\*\*|\"[^\"\n]*\"|[^\w\s]")
BLOCK = re.compile(r"^```opt[^\n]*\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
SIGNS = ("(", ")", "[", "]", "{", "}", ",", ":", ";", ".", "=", "==", "<=", ">=", "<", ">", "!=", "+", "-", "*",
         "/", "@", "^", "**", "'", "|", "#", "##", '"', '"a"', "\n", "\n  ", "\t", "\r", "\ufeff", "\x00", "≤", "é", 
         "𝐱", "²", "_", "..", "\\", "$", "%")  # fmt: skip
NUMBERS = ("0", "1", "2", "3", "-1", "0.5", "1e308", "1e-320", "1e999", "0.0", "99999999999999999999", "9" * 400)
NAMES = ("a", "b", "i", "j", "n", "m", "x", "y", "T", "objective", "status", "dual", "lower", "value")
HOW = ("delete", "double", "replace", "insert", "swap", "cut", "line away", "line twice", "graft", "wrap")
ENDINGS = (".json", ".csv", ".npz", ".npy", ".safetensors")


@cache
def texts() -> tuple[str, ...]:
    """Whole models: of the tests, the examples, the specification and the library."""
    files = [*ROOT.glob("tests/models/*.opt"), *ROOT.glob("examples/*/*.opt"), *ROOT.glob("stdlib/*/*.opt")]
    found = [path.read_text(encoding="utf-8") for path in sorted(files)]
    for page in sorted(ROOT.glob("tests/spec/*.md")):
        found += BLOCK.findall(page.read_text(encoding="utf-8"))
    return tuple(found)


@cache
def words() -> tuple[str, ...]:
    """The tokens that are put in: words of the language, names of the library, signs, numbers, names."""
    library = load_library()
    named = {*library.atoms, *library.sets, "argmin", "minimum", "fixpoint", "root", "grad", "jacobian", "hessian"}
    return (*sorted({*KEYWORDS, *CLAUSE_WORDS} - {"to"}), "subject to", *sorted(named), *SIGNS * 2, *NUMBERS, *NAMES)


Slip = tuple[str, int, int, str]


def slips() -> st.SearchStrategy[Slip]:
    """How a text is changed, where, how far, with what."""
    return st.tuples(st.sampled_from(HOW), st.integers(0, 4000), st.integers(0, 40), st.sampled_from(words()))


def changed(text: str, slip: Slip) -> str:
    """The text with one slip."""
    how, place, reach, word = slip
    tokens = [*TOKEN.finditer(text)] or [*TOKEN.finditer("a")]
    token, other = (tokens[k % len(tokens)] for k in (place, place + 1 + reach))
    if how.startswith("line"):
        return of_lines(text, place, away=how == "line away")
    if how == "swap":
        first, second = sorted((token, other), key=lambda found: found.start())
        between = text[first.end() : second.start()]
        return text[: first.start()] + second.group() + between + first.group() + text[second.end() :]
    start, end = token.span() if text else (0, 0)
    if how == "cut":
        return text[:start] + text[min(len(text), end + reach) :]
    if how == "graft":
        lines = texts()[place % len(texts())].splitlines()
        return text[:end] + "\n" + "\n".join(lines[reach % (len(lines) or 1) :][:3]) + "\n" + text[end:]
    new = {
        "delete": "", "double": token.group() * 2, "replace": word, "insert": f"{token.group()} {word}",
        "wrap": f"{word}({token.group()})",
    }[how]  # fmt: skip
    return text[:start] + new + text[end:]


def of_lines(text: str, place: int, *, away: bool) -> str:
    lines = text.splitlines(keepends=True) or [""]
    k = place % len(lines)
    return "".join(lines[:k] + ([] if away else [lines[k], lines[k]]) + lines[k + 1 :])


def slipped(text: str, made: list[Slip]) -> str:
    """The text with one slip after the other; it does not grow without end."""
    for slip in made:
        text = changed(text, slip)[:20_000]
    return text


def models() -> st.SearchStrategy[str]:
    """Texts of models with slips, tokens in any order, and characters in any order."""
    damaged = st.builds(slipped, st.sampled_from(texts()), st.lists(slips(), max_size=5))
    soup = st.lists(st.sampled_from(words()), max_size=60).map(" ".join)
    behind = st.builds(lambda head, tail: f"{head}\n{tail}", st.sampled_from(texts()), soup)
    return st.one_of(damaged, damaged, damaged, soup, behind, st.text(max_size=60))


# ---------------------------------------------------------------- data

ENTRY = st.one_of(
    st.integers(-3, 9), st.floats(), st.booleans(), st.none(), st.text(max_size=4),
    st.sampled_from(["inf", "-inf", "nan", "north", 10**30, -(10**400), 1e308, 0.5, 0.25]),
)  # fmt: skip
KEYS = st.sampled_from(["w", "S", "at", "up", "on", "k", "t", "q", "r", "n", "m", "T", "coo", "shape", "other", ""])


def values() -> st.SearchStrategy[Any]:
    """JSON values: lists, lists in lists, objects keyed by label, sparse matrices, text among numbers."""
    index = st.lists(st.integers(-2, 10**10), max_size=3)
    sparse = st.fixed_dictionaries({"coo": st.lists(index, max_size=4), "shape": index})
    deeper = st.recursive(
        ENTRY, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=12
    )
    return st.one_of(deeper, sparse, st.lists(st.lists(ENTRY, min_size=2, max_size=2), max_size=3))


def json_bytes() -> st.SearchStrategy[bytes]:
    """JSON of the params, with what JSON calls a number."""
    return st.dictionaries(KEYS, values(), max_size=5).map(lambda found: json.dumps(found).encode())


def csv_bytes() -> st.SearchStrategy[bytes]:
    """Tables with heads, quotes, empty cells and rows of different lengths."""
    cell = st.one_of(ENTRY.map(str), st.sampled_from(['"a,b"', '"', "", " 1 ", "1e5", "١", "0x1"]))
    row = st.lists(cell, max_size=4).map(",".join)
    return st.builds(lambda rows, end: end.join(rows).encode(), st.lists(row, max_size=5), st.sampled_from("\n\r;"))


def array(seed: tuple[str, list[int], float]) -> np.ndarray:
    kind, shape, entry = seed
    with np.errstate(all="ignore"):
        return np.full(shape, entry).astype(kind)


def arrays() -> st.SearchStrategy[np.ndarray]:
    """Arrays of many types, some without entries."""
    kinds = st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?", "c16", "M8[s]", "U3", "S2", ">f8", "i4"])
    entry = st.sampled_from([0.0, 1.0, 0.5, 2.0])
    return st.tuples(kinds, st.lists(st.integers(0, 3), max_size=3), entry).map(array)


def npy_bytes() -> st.SearchStrategy[bytes]:
    """One array."""
    return arrays().map(lambda found: written(lambda file: np.save(file, found)))


def npz_bytes() -> st.SearchStrategy[bytes]:
    """Some arrays; a sparse matrix is several of them."""
    names = st.sampled_from(["w", "S", "at", "n", "row", "col", "data", "indices", "indptr", "shape", "format", "q"])
    found = st.dictionaries(names, arrays(), max_size=5)
    return found.map(lambda held: written(lambda file: np.savez(file, **held)))


def written(write: Callable[[io.BytesIO], None]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def safetensors_bytes() -> st.SearchStrategy[bytes]:
    """A head of JSON that need not fit what follows."""
    tensor = st.fixed_dictionaries({
        "dtype": st.sampled_from(["F64", "F32", "I64", "BOOL", "BF16", "X"]),
        "shape": st.lists(st.integers(-1, 4), max_size=3),
        "data_offsets": st.lists(st.integers(-8, 64), max_size=3),
    })  # fmt: skip
    head = st.dictionaries(KEYS, tensor, max_size=3).map(lambda found: json.dumps(found).encode())
    return st.builds(lambda head, body: struct.pack("<Q", len(head)) + head + body, head, st.binary(max_size=80))


MAKERS: dict[str, Callable[[], st.SearchStrategy[bytes]]] = {
    ".json": json_bytes, ".csv": csv_bytes, ".npz": npz_bytes, ".npy": npy_bytes, ".safetensors": safetensors_bytes,
}  # fmt: skip


def torn(content: bytes, wounds: list[tuple[int, int, bytes]]) -> bytes:
    """Bytes with pieces replaced by others."""
    for place, length, piece in wounds:
        start = place % (len(content) + 1)
        content = content[:start] + piece + content[start + length :]
    return content


def data_files(ending: str) -> st.SearchStrategy[bytes]:
    """Files of one format, whole or with a few wrong bytes."""
    wound = st.tuples(st.integers(0, 2000), st.integers(0, 20), st.binary(max_size=4))
    return st.builds(torn, MAKERS[ending](), st.just([]) | st.lists(wound, max_size=3))


def settings_of_params() -> st.SearchStrategy[str]:
    """What may follow ``-p``."""
    return st.builds(lambda name, value: f"{name}={value}", KEYS, values().map(json.dumps) | st.text(max_size=8))

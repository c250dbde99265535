"""Data in NumPy's and safetensors' files: arrays by name, and SciPy's sparse matrices. Never a pickle."""

from __future__ import annotations

import importlib
import io
import lzma
import struct
import tokenize
import zipfile
import zlib

import numpy as np

from karush.data.given import Given, Reading, Refused, Trouble, file_finding
from karush.data.nested import Nested
from karush.data.sparse import from_coo
from karush.dsl.source import Source

SPARSE_FORMATS = ("coo", "csr", "csc")
READ_ERRORS = (
    ValueError, OSError, EOFError, KeyError, TypeError, OverflowError, MemoryError,
    RuntimeError,  # an encrypted archive, an unknown compression
    SyntaxError, tokenize.TokenError,  # the head of an NPY is read as a Python literal
    struct.error, zipfile.BadZipFile, zlib.error, lzma.LZMAError,
)  # fmt: skip
"""What NumPy raises on bytes that are no arrays."""


def read_npz(data: bytes, name: str, param: str | None) -> Reading:
    """All arrays of an NPZ; with ``param`` the one array (or SciPy sparse matrix) in it, for that param."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                return broken(name, "not an NPZ archive")
            arrays = {key: archive[key] for key in archive.files}
    except READ_ERRORS as error:
        return broken(name, f"not a readable NPZ archive: {error}")
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            return broken(name, f"`{key}` in the archive is no array")
    if "format" in arrays and "shape" in arrays and "data" in arrays:
        return read_sparse(arrays, name, param)
    if param is None:
        return all_arrays(arrays, name)
    if len(arrays) != 1:
        return broken(name, f"`-d {param}={name}` needs an archive of one array, this has {len(arrays)}")
    return one_array(param, next(iter(arrays.values())), f"{param} in {name}")


def read_npy(data: bytes, name: str, param: str) -> Reading:
    """The one array of an NPY file."""
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except READ_ERRORS as error:
        return broken(name, f"not a readable NPY file: {error}")
    if not isinstance(array, np.ndarray):
        return broken(name, "an NPZ archive, whose files end in .npz")
    return one_array(param, array, f"{param} in {name}")


def read_safetensors(data: bytes, name: str) -> Reading:
    """All arrays of a safetensors file, if the package is installed."""
    try:
        library = importlib.import_module("safetensors.numpy")
    except ImportError:
        return broken(name, "reading safetensors needs the package `safetensors` (pip install safetensors)")
    try:
        arrays = library.load(data)
    except (ValueError, KeyError, library.SafetensorError) as error:
        return broken(name, f"not a readable safetensors file: {error}")
    return all_arrays(arrays, name)


def all_arrays(arrays: dict[str, np.ndarray], name: str) -> Reading:
    """Every array under its own name."""
    reading = Reading()
    for key, array in arrays.items():
        reading += one_array(key, array, f"{key} in {name}")
    return reading


def one_array(param: str, array: np.ndarray, origin: str, priority: int = 0) -> Reading:
    """One array as the value of a param: numbers in double precision, text as objects."""
    kind = array.dtype.kind
    if kind in "fiub":
        plain = array.astype(np.float64 if kind == "f" or array.dtype == np.uint64 else np.int64)
        value = array.astype(bool) if kind == "b" else plain
    elif kind in "UT":
        value = array.astype(str).astype(object)
    else:
        trouble = Trouble("E0406", f"entries of type {array.dtype} are not numbers")
        return Reading(refused=(Refused(param, origin, trouble),))
    return Reading((Given(param, value, origin, (None,) * value.ndim, priority=priority),))


def read_sparse(arrays: dict[str, np.ndarray], name: str, param: str | None) -> Reading:
    """SciPy's ``save_npz``: formats coo, csr and csc."""
    if param is None:
        return broken(name, f"a sparse matrix needs the name of its param: -d NAME={name}")
    origin = f"{param} in {name}"
    try:
        nested = sparse_matrix(arrays)
    except (KeyError, ValueError, IndexError, TypeError) as error:
        nested = Trouble("E0409", f"not a sparse matrix as SciPy saves it: {error}")
    if isinstance(nested, Trouble):
        return Reading(refused=(Refused(param, origin, nested),))
    return Reading((Given(param, nested.array, origin, nested.labels, nested.pattern),))


def sparse_matrix(arrays: dict[str, np.ndarray]) -> Nested | Trouble:
    """The matrix from the parts that ``scipy.sparse.save_npz`` writes."""
    raw = arrays["format"].item()
    form = raw.decode("ascii") if isinstance(raw, bytes) else str(raw)
    shape = tuple(int(s) for s in arrays["shape"])
    if form not in SPARSE_FORMATS or len(shape) != 2:
        return Trouble("E0409", f"sparse format {form!r} is not one of {', '.join(SPARSE_FORMATS)}")
    if arrays["data"].dtype.kind not in "fiub":
        return Trouble("E0406", f"entries of type {arrays['data'].dtype} are not numbers")
    entries = arrays["data"].astype(np.float64)
    if form == "coo":
        rows, cols = arrays["row"], arrays["col"]
    else:
        counts = np.diff(arrays["indptr"])
        if (counts < 0).any() or counts.sum() != len(entries):
            return Trouble("E0409", "the pointers of the sparse matrix do not fit its entries")
        major = np.repeat(np.arange(len(counts)), counts)
        rows, cols = (major, arrays["indices"]) if form == "csr" else (arrays["indices"], major)
    if rows.dtype.kind not in "iu" or cols.dtype.kind not in "iu":
        return Trouble("E0409", "rows and columns of the sparse matrix are not whole numbers")
    if not rows.shape == cols.shape == entries.shape == (len(entries),):
        return Trouble("E0409", "rows, columns and values of the sparse matrix have different lengths")
    return from_coo(rows, cols, entries, shape)


def broken(name: str, message: str) -> Reading:
    """A finding about a file whose text cannot be shown."""
    return Reading(findings=(file_finding("E0409", message, Source(name, "")),))

"""Artefacts: a compiled model in one file, run without the model, the compiler or the language.

An artefact is a zip archive of ``meta.json`` (inputs, outputs, versions) and ``program.bin`` (StableHLO as
`jax.export` serialises it). This module imports jax, numpy, flatbuffers and the standard library only. What it reads
is not trusted: sizes are limited before anything is unpacked, and nothing is ever unpickled.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np

from karush.result import Record, Result, is_traced

FORMAT = 1
LARGEST_META, LARGEST_PROGRAM = 16 * 2**20, 2**31
META, PROGRAM = "meta.json", "program.bin"
SWITCH = 'jax.config.update("jax_enable_x64", True)'


class ArtifactError(ValueError):
    """An artefact or its inputs are unusable; ``code`` is the kind of finding (`karush explain`)."""

    def __init__(self, code: str, message: str):
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True)
class Input:
    """One param: its shape in numbers and in sizes, its dtype, its set, and the value it takes if it is not given.

    ``set`` is the name of a set without arguments, ``index`` the size of ``index(size)``; ``infinite`` says whether
    ±infinity means "no bound" in it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    sizes: tuple[str, ...] = ()
    set: str | None = None
    index: str | None = None
    kind: str = "real"
    infinite: bool = False
    default: Any = None


@dataclass(frozen=True)
class Metadata:
    """What an artefact says about itself. ``outputs`` are dotted names in the order of the program's results."""

    model: str
    problem_class: str
    dtype: str
    inputs: tuple[Input, ...]
    outputs: tuple[str, ...]
    dims: Mapping[str, int]
    platforms: tuple[str, ...]
    derivative: bool
    problem: Mapping[str, Any]
    solver: str | None
    versions: Mapping[str, str]


class Artifact:
    """A compiled model: call it with its params, ``artifact(mu=…, Sigma=…)``; differentiable if compiled so."""

    def __init__(self, metadata: Metadata, exported: jax.export.Exported):
        self.metadata, self.exported = metadata, exported

    def __call__(self, **params: Any) -> Result:
        """Solve with these params; NumPy and JAX arrays and numbers in, a `Result` out."""
        arrays = [self.argument(entry, params) for entry in self.metadata.inputs]
        unknown = sorted(params.keys() - {entry.name for entry in self.metadata.inputs})
        if unknown:
            known = ", ".join(entry.name for entry in self.metadata.inputs)
            raise ArtifactError("E0403", f"`{unknown[0]}` is not a param of this artefact; the params are: {known}")
        return as_result(self.metadata, self.exported.call(*arrays))

    def argument(self, entry: Input, params: Mapping[str, Any]) -> Any:
        """The array for one input, checked for shape, kind and NaN."""
        if entry.name not in params and entry.default is None:
            raise ArtifactError("E0401", f"no value for `{entry.name}` (shape {entry.shape})")
        value = params.get(entry.name, entry.default)
        if not is_traced(value):
            value = self.concrete(entry, value)
        if tuple(value.shape) != entry.shape:
            was = f"this artefact was compiled for {entry.shape} ([{', '.join(entry.sizes)}])"
            raise ArtifactError("E0404", f"`{entry.name}` has the shape {tuple(value.shape)}; {was}")
        return jax.numpy.asarray(value, entry.dtype)

    @staticmethod
    def concrete(entry: Input, value: Any) -> np.ndarray:
        """A concrete value as an array of numbers of the input's kind."""
        array = np.asarray(value)
        wanted = np.dtype(entry.dtype).kind
        if array.dtype.kind not in "fiub":
            raise ArtifactError("E0406", f"`{entry.name}` is not an array of numbers")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ArtifactError("E0407", f"`{entry.name}` has an entry that is not a number (NaN)")
        if wanted in "iu" and array.dtype.kind == "f" and (array != np.round(array)).any():
            raise ArtifactError("E0406", f"`{entry.name}` must hold whole numbers")
        return array


def as_result(metadata: Metadata, arrays: Sequence[Any]) -> Result:
    """The results of the program by their dotted names: ``values.w``, ``dual.rate.lower``, ``status``."""
    tree: dict[str, Any] = {}
    for name, array in zip(metadata.outputs, arrays, strict=True):
        branch = tree
        *path, last = name.split(".")
        for step in path:
            branch = branch.setdefault(step, {})
        branch[last] = array
    values = tree.pop("values", {})
    fields = {name: Record(entry) if isinstance(entry, dict) else entry for name, entry in tree.items()}
    return Result(metadata.model, values, {"objective": None, **fields})


def save(path: str | Path, metadata: Metadata, program: bytes, write: Callable[[Path, bytes], None]) -> None:
    """Write an artefact; ``write`` puts bytes into a file whole or not at all."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(META, json.dumps({"format": FORMAT, **asdict(metadata)}, allow_nan=False, indent=1))
        archive.writestr(PROGRAM, program)
    write(Path(path), buffer.getvalue())


def read_entry(archive: zipfile.ZipFile, name: str, limit: int) -> bytes:
    """One file of the archive, if it unpacks to no more than ``limit`` bytes."""
    try:
        size = archive.getinfo(name).file_size
    except KeyError:
        raise ArtifactError("E0409", f"not a karush artefact: it has no {name}") from None
    if size > limit:
        raise ArtifactError("E0409", f"{name} of the artefact unpacks to {size} bytes, more than {limit}")
    with archive.open(name) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise ArtifactError("E0409", f"{name} of the artefact unpacks to more than {limit} bytes")
    return data


def parse_input(entry: Mapping[str, Any]) -> Input:
    """One input of the metadata."""
    optional = {name: None if entry[name] is None else str(entry[name]) for name in ("set", "index")}
    return Input(
        name=str(entry["name"]),
        shape=tuple(int(size) for size in entry["shape"]),
        dtype=str(np.dtype(entry["dtype"])),
        sizes=tuple(map(str, entry["sizes"])),
        kind=str(entry["kind"]),
        infinite=bool(entry["infinite"]),
        default=entry["default"],
        **optional,
    )


def parse_metadata(data: bytes) -> Metadata:
    """The metadata of an artefact, checked field by field."""
    try:
        raw = json.loads(data)
        version = raw.pop("format")
        if version != FORMAT:
            raise ArtifactError("E0409", f"the artefact has format {version}; this version reads {FORMAT}")
        inputs = tuple(parse_input(entry) for entry in raw.pop("inputs"))
        return Metadata(
            model=str(raw["model"]),
            problem_class=str(raw["problem_class"]),
            dtype=str(np.dtype(raw["dtype"])),
            inputs=inputs,
            outputs=tuple(map(str, raw["outputs"])),
            dims={str(name): int(size) for name, size in raw["dims"].items()},
            platforms=tuple(map(str, raw["platforms"])),
            derivative=bool(raw["derivative"]),
            problem=dict(raw["problem"]),
            solver=None if raw["solver"] is None else str(raw["solver"]),
            versions={str(name): str(version) for name, version in raw["versions"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        if isinstance(error, ArtifactError):
            raise
        raise ArtifactError("E0409", f"the artefact's {META} is damaged: {error}") from None


def open_artifact(path: str | Path) -> Artifact:
    """The artefact in a file; ArtifactError if it is none, or damaged, or larger than the limits."""
    try:
        with zipfile.ZipFile(path) as archive:
            metadata = parse_metadata(read_entry(archive, META, LARGEST_META))
            program = read_entry(archive, PROGRAM, LARGEST_PROGRAM)
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ArtifactError("E0409", f"{path} is not a readable artefact: {error}") from None
    try:
        exported = jax.export.deserialize(bytearray(program))
    except Exception as error:  # the parser of an untrusted program may fail in any way
        raise ArtifactError("E0409", f"the program of {path} cannot be read: {error}") from None
    if len(exported.in_avals) != len(metadata.inputs) or len(exported.out_avals) != len(metadata.outputs):
        raise ArtifactError("E0409", f"the program of {path} does not fit its {META}")
    if metadata.dtype == "float64" and jax.dtypes.canonicalize_dtype(np.float64) != np.float64:
        raise ArtifactError("E0409", f"{path} runs in double precision: {SWITCH}")
    return Artifact(metadata, exported)

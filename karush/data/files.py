"""The data options of the command line: ``-d FILE``, ``-d NAME=FILE`` and ``-p NAME=JSON``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from karush.data.array_file import broken, read_npy, read_npz, read_safetensors
from karush.data.csv_file import read_csv
from karush.data.given import Reading, file_finding
from karush.data.json_file import parse_json, read_json, read_value
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Source

ENDINGS = (".json", ".npz", ".npy", ".csv", ".safetensors")
LARGEST_FILE = 4 * 2**30


def split_option(option: str) -> tuple[str | None, str]:
    """``NAME=FILE`` or ``FILE``: the name if there is one, and the file."""
    name, equals, rest = option.partition("=")
    return (name, rest) if equals and name.isidentifier() and not Path(option).exists() else (None, option)


def unusable(option: str) -> str | None:
    """Why a ``-d`` option is a slip in usage (missing file, unknown ending); None if it can be read."""
    name, file = split_option(option)
    if file == "-":
        return None
    path = Path(file)
    if not path.exists():
        return f"no such file: {file}"
    if path.is_dir():
        return f"{file} is a folder; -d takes a file ({', '.join(ENDINGS)})"
    if path.suffix not in ENDINGS:
        return f"{file}: the ending must be one of {', '.join(ENDINGS)}"
    if name is None and path.suffix in (".csv", ".npy"):
        return f"{file} holds one array: say for which param, -d NAME={file}"
    return None


def read_data(option: str) -> Reading:
    """What one ``-d`` option brings; a file that cannot be read gives a finding."""
    name, file = split_option(option)
    try:
        if file == "-":
            data = sys.stdin.buffer.read()
        elif Path(file).stat().st_size > LARGEST_FILE:
            return broken(file, f"larger than {LARGEST_FILE // 2**30} GiB")
        else:
            data = Path(file).read_bytes()
    except OSError as error:
        return broken(file, f"cannot be read: {error.strerror}")
    ending = ".json" if file == "-" else Path(file).suffix
    return READERS[ending](data, "<stdin>" if file == "-" else file, name)


def text_of(data: bytes, name: str) -> str | Reading:
    """UTF-8 text with or without a byte order mark."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return broken(name, f"not UTF-8 text: byte {error.start} is {data[error.start]:#04x}")


def _json(data: bytes, name: str, param: str | None) -> Reading:
    text = text_of(data, name)
    if isinstance(text, Reading):
        return text
    if param is None:
        return read_json(text, name)
    value = parse_json(text, name)
    if isinstance(value, Diagnostic):
        return Reading(findings=(value,))
    return read_value(param, value, f"{param} in {name}")


def _csv(data: bytes, name: str, param: str | None) -> Reading:
    text = text_of(data, name)
    return text if isinstance(text, Reading) else read_csv(text, param or "", name)


def _npy(data: bytes, name: str, param: str | None) -> Reading:
    return read_npy(data, name, param or "")


def _safetensors(data: bytes, name: str, param: str | None) -> Reading:
    reading = read_safetensors(data, name)
    if param is None:
        return reading
    return replace(reading, values=tuple(v for v in reading.values if v.name == param))


Reader = Callable[[bytes, str, str | None], Reading]
READERS: dict[str, Reader] = {
    ".json": _json, ".npz": read_npz, ".npy": _npy, ".csv": _csv, ".safetensors": _safetensors,
}  # fmt: skip


def read_setting(option: str) -> Reading:
    """What one ``-p NAME=JSON`` brings; bare words that are no JSON are text (a label)."""
    name, _, text = option.partition("=")
    source = f"-p {option}" if len(option) < 60 else f"-p {name}=…"
    value = parse_json(text, source)
    if isinstance(value, Diagnostic) and text.strip()[:1] not in ("[", "{", '"', ""):
        value = text.strip()
    if isinstance(value, Diagnostic):
        message = f"`{name}` is not given as JSON: {value.message.removeprefix('not valid JSON: ')}"
        shown = Source(source, option)
        start = value.labels[0].span.start + len(name) + 1
        return Reading(findings=(file_finding("E0409", message, shown, start),))
    return read_value(name, value, source, priority=1)

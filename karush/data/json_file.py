"""Data in JSON: one object, a key for every param."""

from __future__ import annotations

import json
from typing import Any

from karush.data.given import Given, Reading, Refused, Trouble, file_finding
from karush.data.sparse import read_array
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Source

LONGEST_INTEGER = 400


class Repeated(dict[str, Any]):
    """An object in which a key stood twice; ``keys_repeated`` are those keys."""

    keys_repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    record, seen, twice = Repeated(plain), set[str](), list[str]()
    for key, _ in pairs:
        if key in seen:
            twice.append(key)
        seen.add(key)
    record.keys_repeated = tuple(twice)
    return record


def _integer(text: str) -> int | float:
    return int(text) if len(text) < LONGEST_INTEGER else float(text)


def parse_json(text: str, name: str) -> Any | Diagnostic:
    """The value of a JSON text, or the finding that says where it breaks; ``name`` is that of the source."""
    source = Source(name, text)
    try:
        return json.loads(text, object_pairs_hook=_object, parse_int=_integer)
    except json.JSONDecodeError as error:
        return file_finding("E0409", f"not valid JSON: {error.msg}", source, error.pos)
    except RecursionError:
        return file_finding("E0409", "lists are nested too deep", source)


def read_value(name: str, value: Any, origin: str, priority: int = 0) -> Reading:
    """One param's JSON value."""
    repeated = find_repeated(value)
    nested = read_array(value)
    if repeated:
        trouble = Trouble("E0405", f'the label "{repeated}" stands twice')
        return Reading(refused=(Refused(name, origin, trouble),))
    if isinstance(nested, Trouble):
        return Reading(refused=(Refused(name, origin, nested),))
    return Reading((Given(name, nested.array, origin, nested.labels, nested.pattern, priority=priority),))


def find_repeated(value: Any) -> str | None:
    """A label that stands twice in one object within ``value``."""
    if isinstance(value, Repeated):
        return value.keys_repeated[0]
    if not isinstance(value, list | dict):
        return None
    if isinstance(value, list) and not (value and isinstance(value[0], dict)):
        return None
    inner = value.values() if isinstance(value, dict) else value
    return next((found for entry in inner if (found := find_repeated(entry)) is not None), None)


def read_json(text: str, name: str) -> Reading:
    """All params of a JSON text that was read from ``name``."""
    value = parse_json(text, name)
    if isinstance(value, Diagnostic):
        return Reading(findings=(value,))
    if not isinstance(value, dict):
        message = "the data must be one object with a key for every param"
        return Reading(findings=(file_finding("E0409", message, Source(name, text)),))
    reading = Reading()
    for key in getattr(value, "keys_repeated", ()):
        trouble = Trouble("E0405", f"`{key}` is given twice in {name}")
        reading += Reading(refused=(Refused(key, name, trouble),))
    for key, entry in value.items():
        reading += read_value(key, entry, f"{key} in {name}")
    return reading

"""The interface of an artefact as a model without a problem, so that data are bound to it by the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from karush.compiler.model import Constant, Dim, Kind, Model, Param, SetUse
from karush.data.given import Given, Reading
from karush.dsl.source import Source, Span
from karush.runtime import Input, Metadata
from karush.stdlib.shape import Size


def interface_model(metadata: Metadata, name: str) -> Model:
    """The params of the artefact, declared in a text of their own; every size is a dim."""
    lines = [declaration(entry) for entry in metadata.inputs]
    source = Source(name, "\n".join(lines) + "\n")
    spans, offset = [], 0
    for line in lines:
        spans.append(Span(source, offset + len("param "), offset + len(line)))
        offset += len(line) + 1
    params = {entry.name: param(entry, span) for entry, span in zip(metadata.inputs, spans, strict=True)}
    top = Span(source, 0, min(1, len(source.text)))
    dims = {size: Dim(size, None, top) for size in axis_sizes(metadata)}
    return Model(metadata.model, source, None, dims, params, {}, {}, None, None, None, (), None, None)


def declaration(entry: Input) -> str:
    """``param Sigma[n, n] in psd``."""
    brackets = f"[{', '.join(entry.sizes)}]" if entry.sizes else ""
    member = f" in index({entry.index})" if entry.index else f" in {entry.set}" if entry.set else ""
    return f"param {entry.name}{brackets}{member}"


def param(entry: Input, span: Span) -> Param:
    """One param; a default stands for the one that the artefact holds."""
    use = None
    if entry.set is not None:
        start = span.end - len(f"index({entry.index})" if entry.index else entry.set)
        size = None if entry.index is None else Size.of(entry.index)
        use = SetUse(entry.set, (), Span(span.source, start, span.end), size)
    default = None if entry.default is None else Constant(0.0, shape=(), span=span)
    shape = tuple(Size.of(size) for size in entry.sizes)
    return Param(entry.name, shape, Kind(entry.kind), use, default, span)


def axis_sizes(metadata: Metadata) -> dict[str, int]:
    """The value of every size that an axis or an index set has, by its text."""
    found = dict(metadata.dims)
    for entry in metadata.inputs:
        found |= dict(zip(entry.sizes, entry.shape, strict=True))
        if entry.index is not None and entry.index.isdigit():
            found[entry.index] = int(entry.index)
    return found


def with_sizes(metadata: Metadata, reading: Reading) -> Reading:
    """The reading together with the sizes for which the artefact was compiled."""
    sizes: Mapping[str, int] = axis_sizes(metadata)
    fixed = tuple(Given(name, np.asarray(size), "the artefact", priority=0) for name, size in sizes.items())
    named = tuple(value for value in reading.values if value.name not in sizes)
    return replace(reading, values=(*fixed, *named))


def infinite_inputs(metadata: Metadata) -> frozenset[str]:
    """The inputs in which ±infinity means "no bound"."""
    return frozenset(entry.name for entry in metadata.inputs if entry.infinite)

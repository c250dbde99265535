"""The work behind ``karush show FILE -d DATA``: which solver these data are solved by, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from karush.cli.solving import Options, bind_data, prepare, start_jax
from karush.compiler.analyse import Analysis
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.settings import settings_of
from karush.compiler.show.text import call_words
from karush.problem import Problem
from karush.solvers.quadratic_driver import INTERIOR_POINT


def compiled_for(analysis: Analysis, data: tuple[str, ...], settings: tuple[str, ...]) -> Compiled:
    """The program for the data; what is wrong with them is told and ends the verb."""
    assert analysis.model is not None
    options = Options(analysis.model.source.name, data, settings, (), None, "f64", None, None, False, False, False)
    binding = bind_data(analysis, options)
    start_jax()
    return prepare(Problem(analysis, settings_of(analysis.model), "f64"), binding).compiled


def show_choice(analysis: Analysis, compiled: Compiled) -> str:
    """The solver and its reason, the matrices and theirs, of a model and of the models within it."""
    lines = [f"solver of class {analysis.whole.classification.problem_class}"]
    lines += [f"  {line}" for line in _lines(compiled)]
    for inner in _inner(compiled):
        lines.append(f"  inner problem {call_words(inner.model)}")
        lines += [f"    {line}" for line in _lines(inner)]
    return "\n".join(lines) + "\n"


def _lines(compiled: Compiled) -> list[str]:
    choice = compiled.choice
    if choice is None:
        return ["none: the outputs are computed directly"]
    assembly = compiled.assembly
    counts = ", ".join(f"{number} {name}" for name, number in compiled.counts().items())
    return [
        f"solver {choice.name}: {choice.reason}",
        f"matrices {assembly.word}: {assembly.reason}",
        f"program: {counts}",
    ]


def _inner(compiled: Compiled) -> Iterator[Compiled]:
    for step in compiled.steps:
        if isinstance(step.inner, Compiled):
            yield step.inner
            yield from _inner(step.inner)


def choice_record(analysis: Analysis, compiled: Compiled) -> dict[str, Any]:
    """The same as JSON data."""
    part = analysis.whole
    record = {"v": 1, "model": part.model.name, "class": part.classification.problem_class, **_record(compiled)}
    return {**record, "inner": [{"model": inner.model.name, **_record(inner)} for inner in _inner(compiled)]}


def _record(compiled: Compiled) -> dict[str, Any]:
    choice = compiled.choice
    if choice is None:
        return {"sizes_known": True, "solver": None, "matrices": None}
    assembly = compiled.assembly
    fallback = INTERIOR_POINT.name if choice.fallback else None
    return {
        "sizes_known": True,
        "solver": {"name": choice.name, "reason": choice.reason, "then": list(choice.then), "fallback": fallback},
        "matrices": {"form": assembly.word, "reason": assembly.reason},
        "program": compiled.counts(),
    }

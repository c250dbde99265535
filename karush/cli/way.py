"""Which way ``karush grad`` goes: the mode, the side, and what is done at ties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np

from karush.cli.session import usage
from karush.derivative import Differentiated, Side
from karush.directional import check_directional, clarke_jacobian, lexicographic_jacobian, random_direction
from karush.dsl.diagnostics import Label
from karush.enumeration import vertices
from karush.jacobian import Jacobian, choose_mode, differences, jacobian
from karush.outputs import DerivativeError
from karush.problem import Problem
from karush.side import side_differences, side_jacobian
from karush.tie_choices import parse_ties, read_ties
from karush.tie_counts import by_name, place_words, tie_counts, tie_places

MODES = ("auto", "jvp", "vjp", "clarke", "ld", "vertices")
DIRECTIONAL = ("clarke", "ld", "vertices")
Whole = Callable[..., Jacobian]


@dataclass(frozen=True)
class Way:
    """The options of ``grad`` that say how to differentiate."""

    mode: str
    side: Side | None
    tie: str | None
    seed: int

    def check(self) -> None:
        """Refuse what excludes each other."""
        if self.side is not None and self.mode not in ("auto", "jvp"):
            raise usage("--side goes forward, one tangent for each entry: with --mode jvp, or without --mode")
        if self.tie is not None and (self.mode in DIRECTIONAL or self.side is not None):
            other = "--side" if self.side is not None else f"--mode {self.mode}"
            raise usage(f"--tie states the element at a tie; with {other} the direction decides")

    def with_ties(self, problem: Problem) -> Problem:
        """The model with the elements of ``--tie``."""
        if self.tie is None:
            return problem
        try:
            return problem.with_ties(read_ties(problem.analysis.whole.library, parse_ties(self.tie)))
        except ValueError as error:
            raise usage(f"--tie {self.tie}: {error}") from None

    def taken(self, function: Differentiated, arrays: dict[str, Any]) -> tuple[Whole, str, str]:
        """The function that gives the derivative, its mode, and why."""
        if self.side is not None:
            return (
                partial(side_jacobian, function, self.side),
                "jvp",
                f"from the {self.side}, one tangent for each entry",
            )
        if self.mode in DIRECTIONAL:
            try:
                check_directional(function, self.mode, solves=self.mode != "vertices")
            except DerivativeError as error:
                raise usage(error.message) from None
        if self.mode == "clarke":
            return (
                partial(clarke_jacobian, function, random_direction(function, self.seed)),
                "clarke",
                f"along a random direction, seed {self.seed}",
            )
        if self.mode == "ld":
            return partial(lexicographic_jacobian, function), "ld", "along the entries of the params, in order"
        if self.mode == "vertices":
            return partial(jacobian, function, "vjp"), "vertices", "every piece that meets here, one after the other"
        mode, why, colouring = choose_mode(function, arrays, self.mode)
        return partial(jacobian, function, mode, colouring=colouring), mode, why

    def differences(
        self, function: Differentiated, arrays: Mapping[str, Any], found: Jacobian
    ) -> dict[str, dict[str, float]]:
        """What finite differences say."""
        if self.side is not None:
            return side_differences(function, self.side, arrays)
        return differences(function, arrays, found)


def with_vertices(function: Differentiated, arrays: Mapping[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """The record with all vertices of the Clarke derivative for gradients, one after the other along a first axis.

    Where there is only one the output is strictly differentiable, and its derivative unique.
    """
    try:
        found = vertices(function, arrays)
    except DerivativeError as error:
        raise usage(error.message) from None
    status = "unique" if found.count == 1 else record["derivative"]["status"]
    gradients = {"vertices": found.count, "gradients": found.gradients}
    return {**record, **gradients, "derivative": {**record["derivative"], "status": status}}


def tie_entries(function: Differentiated, arrays: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations that stand at a tie or within rounding of one, with their line and their numbers."""
    compiled, of = function.compiled, function.request.of
    places = tie_places(compiled)
    names = [place_words(place) for place in places]
    if not names:
        return []
    counts = np.asarray(jax.jit(lambda params: tie_counts(compiled, of, params))(arrays))
    found = by_name(names, counts).items()
    lines = {name: place.expr.span.line for name, place in zip(names, places, strict=True)}
    return [
        {"place": name, "line": lines[name], "at": int(n["at"]), "near": int(n["near"])}
        for name, n in found
        if n["near"] > 0
    ]


def tie_labels(function: Differentiated, entries: list[dict[str, Any]]) -> tuple[Label, ...]:
    """The places of the file that stand at a tie."""
    spans = {place_words(place): place.expr.span for place in tie_places(function.compiled)}
    return tuple(Label(spans[e["place"]], f"{e['at']} at a tie") for e in entries if e["at"] > 0)


def tie_lines(entries: list[dict[str, Any]]) -> list[str]:
    """The same in words."""
    if not entries:
        return ["ties: no operation stands at one"]
    said = [f"{e['at']} at a tie" + (f", {e['near']} within rounding" if e["near"] > e["at"] else "") for e in entries]
    return ["ties:", *(f"  {entry['place']}: {words}" for entry, words in zip(entries, said, strict=True))]

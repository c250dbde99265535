"""A model compiled ahead of time: to an artefact (see runtime.py), to StableHLO, or to a jaxpr."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import jax.export
import numpy as np
from jax import Array

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.infinities import bounding_params
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.model import Kind, Model, Param
from karush.data.evaluate import evaluate
from karush.data.sizes import infer_sizes
from karush.errors import ModelError
from karush.output import write_whole
from karush.outputs import outputs
from karush.problem import Problem
from karush.runtime import Input, Metadata, save

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")


def named_outputs(model: Model, outcome: Outcome) -> dict[str, Array]:
    """What a compiled model returns, by dotted name, in a fixed order."""
    found: dict[str, Array] = {"status": outcome.status}
    if outcome.objective is not None:
        found["objective"] = outcome.objective
    found |= {f"values.{name}": outcome.values[name] for name in outputs(model)}
    for label, value in outcome.duals.items():
        sides = {f"dual.{label}.{side}": part for side, part in value.items()} if isinstance(value, dict) else None
        found |= sides or {f"dual.{label}": value}
    if outcome.iterations is not None and outcome.residuals is not None and outcome.derivative is not None:
        found["statistics.iterations"] = outcome.iterations
        for name in ("primal", "dual", "gap"):
            found[f"statistics.residuals.{name}"] = getattr(outcome.residuals, name)
        for name in ("primal", "dual", "objective"):
            found[f"derivative.{name}"] = getattr(outcome.derivative.evidence, name)
    return found


@dataclass(frozen=True, eq=False)
class Export:
    """A compiled model that can be written down. The program takes one array a param, in their order."""

    problem: Problem
    compiled: Compiled
    platforms: tuple[str, ...]
    vjp: bool

    @property
    def model(self) -> Model:
        """The typed model."""
        return self.problem.model

    @cached_property
    def arguments(self) -> tuple[jax.ShapeDtypeStruct, ...]:
        """Shape and type of every input."""
        shapes = self.compiled.specification()
        return tuple(shapes[name] for name in self.model.params)

    def function(self, *arrays: Array) -> tuple[Array, ...]:
        """The program: all outputs in the order of `names`."""
        params = dict(zip(self.model.params, arrays, strict=True))
        return tuple(named_outputs(self.model, self.compiled.function(params)).values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Dotted names of the outputs."""
        params = dict(zip(self.model.params, self.arguments, strict=True))
        found: list[str] = []  # noted while tracing: the tree of a dict would sort them
        jax.eval_shape(lambda p: found.extend(named_outputs(self.model, self.compiled.function(p))), params)
        return tuple(found)

    def gradient_function(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """(inputs, cotangents of the real outputs) ↦ gradients of the real inputs, and what it is called with."""
        real = [i for i, a in enumerate(self.arguments) if np.issubdtype(a.dtype, np.floating)]
        results = jax.eval_shape(self.function, *self.arguments)
        kept = [i for i, r in enumerate(results) if np.issubdtype(r.dtype, np.floating)]

        def gradients(arrays: Sequence[Array], cotangents: Sequence[Array]) -> Any:
            def value(*moved: Array) -> tuple[Array, ...]:
                whole = list(arrays)
                for i, array in zip(real, moved, strict=True):
                    whole[i] = array
                found = self.function(*whole)
                return tuple(found[i] for i in kept)

            return jax.vjp(value, *(arrays[i] for i in real))[1](tuple(cotangents))

        return gradients, (self.arguments, tuple(results[i] for i in kept))

    def stablehlo(self) -> str:
        """The program (with ``vjp`` its gradient program) as StableHLO text."""
        function, arguments = self.gradient_function() if self.vjp else (self.function, self.arguments)
        return jax.jit(function).trace(*arguments).lower(lowering_platforms=self.platforms).as_text()

    def jaxpr(self) -> str:
        """The program (with ``vjp`` its gradient program) as a jaxpr."""
        function, arguments = self.gradient_function() if self.vjp else (self.function, self.arguments)
        return str(jax.make_jaxpr(function)(*arguments)) + "\n"

    def metadata(self) -> Metadata:
        """What the artefact says of itself."""
        compiled, kind = self.compiled, self.problem.analysis.classification
        infinite = bounding_params(self.model)
        assert kind is not None
        return Metadata(
            model=self.model.name,
            problem_class=kind.problem_class,
            dtype=np.dtype(compiled.dtype).name,
            inputs=tuple(describe(param, compiled, param.name in infinite) for param in self.model.params.values()),
            outputs=self.names,
            dims={name: int(size) for name, size in compiled.dims.items()},
            platforms=self.platforms,
            derivative=self.vjp,
            problem={"class": kind.problem_class, "convex": kind.convex, **compiled.counts()},
            solver=None if compiled.choice is None else compiled.choice.name,
            versions={"jax": importlib.metadata.version("jax")},
        )

    def save(self, path: str | Path) -> None:
        """Write the artefact, whole or not at all."""
        exported = jax.export.export(jax.jit(self.function), platforms=self.platforms)(*self.arguments)
        program = bytes(exported.serialize(vjp_order=1 if self.vjp else 0))
        save(path, self.metadata(), program, write_whole)


def describe(param: Param, compiled: Compiled, infinite: bool) -> Input:
    """One input of an artefact; a default that is a number, or made of sizes and numbers, is kept."""
    spec = compiled.specification()[param.name]
    default = None if param.default is None else evaluate(param.default, {}, compiled.dims)
    use = param.set
    return Input(
        name=param.name,
        shape=tuple(spec.shape),
        dtype=np.dtype(spec.dtype).name,
        sizes=tuple(map(str, param.shape)),
        set=None if use is None or use.arguments else use.name,
        index=None if use is None or use.size is None else str(use.size),
        kind=Kind(param.kind).value,
        infinite=infinite,
        default=None if default is None else np.broadcast_to(default, spec.shape).tolist(),
    )


def export_model(
    problem: Problem, sizes: Mapping[str, int], platforms: Sequence[str] = ("cpu",), vjp: bool = False
) -> Export:
    """The model compiled for these sizes (others take their defaults) and platforms; with ``vjp`` differentiable.

    ModelError with E0401 where a size has no value, ValueError for an unknown size or platform and for a solver that
    cannot be exported.
    """
    for name in sizes:
        if name not in problem.model.dims:
            raise ValueError(
                f"`{name}` is not a size of this model; there are {', '.join(problem.model.dims) or 'none'}"
            )
    for name in platforms:
        if name not in PLATFORMS:
            raise ValueError(f"{name!r} is not one of the platforms {', '.join(PLATFORMS)}")
    found = infer_sizes(problem.model, [], {name: (size, "--sizes") for name, size in sizes.items()})
    if found.findings:
        raise ModelError(found.findings)
    compiled = problem.compile_for(found.values)
    choice = compiled.choice
    if choice is not None and choice.solver.on_host:
        raise ValueError(
            f"{choice.name} runs outside XLA and cannot be part of an artefact ({choice.reason}); "
            "write `using ipm` in the file"
        )
    return Export(problem, compiled, tuple(platforms), vjp)

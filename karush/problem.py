"""A model as a Python object: a differentiable function from params to a `Result`."""

from __future__ import annotations

import errno
import math
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from jax.experimental.sparse import BCOO

from karush.compiler.analyse import Analysis, analyse
from karush.compiler.facts.classify import CONE_CLASSES
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.lower import lower
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.lowering.settings import settings_of
from karush.compiler.lowering.sparse_values import LARGEST_DENSE, TooLargeToBeDenseError
from karush.compiler.messages.option_messages import refused_solver
from karush.compiler.model import Kind, Model
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.latex import show_latex
from karush.compiler.show.stages import show_interface, show_ir, show_math
from karush.data.bind import bind
from karush.data.findings import open_size, open_size_of_cones, too_large
from karush.data.given import Binding, Reading, SparseMatrix
from karush.data.objects import Memory, read_object
from karush.display import framed
from karush.document import document, html_parts
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import read_source
from karush.dsl.source import Source
from karush.errors import ModelError
from karush.outputs import outputs
from karush.result import EvidenceRecord, Record, Result, is_traced
from karush.solvers.protocol import Settings
from karush.solvers.quadratic_driver import AUTO, NAMES, refusal
from karush.sparse import as_coordinates, coordinate_form, is_stored_sparse, stored_entries
from karush.stdlib.primitives.ties import Ties
from karush.tie_choices import read_ties

SHOWN = {"math": show_math, "kkt": show_kkt, "interface": show_interface, "ir": show_ir, "latex": show_latex}
SWITCH = 'jax.config.update("jax_enable_x64", True)'


class PrecisionWarning(UserWarning):
    """A model runs in single precision because JAX's 64-bit types are off."""


def load(path: str | os.PathLike[str]) -> Problem:
    """The model in a ``.opt`` file; `ModelError` with the findings if it holds errors, OSError if it is not there."""
    file = Path(path)
    if file.is_dir():
        file = file / "model.opt"
    if not file.exists():
        raise FileNotFoundError(errno.ENOENT, "no such model", str(file))
    source = read_source(file)
    if isinstance(source, Diagnostic):
        raise ModelError([source])
    return from_source(source)


def loads(text: str, name: str = "<string>") -> Problem:
    """The model in a text; `ModelError` with the findings if it holds errors."""
    return from_source(Source(name, text))


def from_source(source: Source) -> Problem:
    """The model in a source."""
    analysis = analyse(source)
    if analysis.failed or analysis.model is None:
        raise ModelError(analysis.diagnostics)
    return Problem(analysis, settings_of(analysis.model))


def precision(dtype: str | None) -> Any:
    """The floating type of a model: ``"f32"``, ``"f64"``, or by default what JAX's x64 switch says.

    In the default, single precision is said once per process in a `PrecisionWarning`.
    """
    wide = jax.dtypes.canonicalize_dtype(np.float64) == np.float64
    if dtype not in (None, "f32", "f64"):
        raise ValueError(f'dtype is "f32" or "f64", not {dtype!r}')
    if dtype == "f64" and not wide:
        raise ValueError(f'dtype="f64" needs JAX\'s 64-bit types: {SWITCH}')
    if dtype is None and not wide:
        warnings.warn(f"karush runs in single precision; for double: {SWITCH}", PrecisionWarning, stacklevel=1)
    return jnp.float64 if wide and dtype != "f32" else jnp.float32


@dataclass(frozen=True)
class Prepared:
    """The compiled model for some data, and the arrays to call it with."""

    compiled: Compiled
    arrays: Mapping[str, Any]
    binding: Binding

    def run(self) -> Outcome:
        """The outcome."""
        traced = any(map(is_traced, self.arrays.values()))
        return (self.compiled.jitted if traced else self.compiled.alone)(self.arrays)


@dataclass(frozen=True, eq=False)
class Problem:
    """A model: call it with its params (and sizes) by keyword; a pytree of JAX arrays comes back.

    Concrete values are checked once per array (E04xx in a `ModelError`), traced ones are trusted. One program is
    compiled for every set of sizes, and kept. Composes with jit, vmap, grad, jacfwd, jacrev, hessian.
    """

    analysis: Analysis
    settings: Settings = field(default_factory=Settings)
    dtype: str | None = None
    ties: Ties = field(default_factory=Ties)
    memory: Memory = field(default_factory=Memory, repr=False)
    programs: dict[Any, Compiled] = field(default_factory=dict, repr=False)
    derivatives: dict[Any, Any] = field(default_factory=dict, repr=False)
    tied: dict[Ties, Problem] = field(default_factory=dict, repr=False)

    @property
    def model(self) -> Model:
        """The typed model."""
        assert self.analysis.model is not None
        return self.analysis.model

    def __call__(self, /, **params: Any) -> Result:
        """The solution for these params."""
        prepared = self.prepare(params)
        return as_result(self.model, prepared.run())

    def prepare(self, params: Mapping[str, Any]) -> Prepared:
        """Bind and check the data, and compile for their sizes if that has not been done."""
        reading = Reading()
        params = {name: coordinate_form(value) for name, value in params.items()}
        for name, value in params.items():
            reading += read_object(name, value, is_traced, self.memory)
        binding = bind(self.model, reading)
        if isinstance(binding, list):
            raise ModelError(binding)
        for name, value in params.items():
            if not is_traced(value) and name in self.model.params:
                self.memory.note(name, value)
        return self.bound(binding, params)

    def bound(self, binding: Binding, originals: Mapping[str, Any] | None = None) -> Prepared:
        """The compiled model for checked data; ``originals`` are passed on where they are JAX arrays already."""
        stored = {name: stored_entries(value) for name, value in binding.params.items() if is_stored_sparse(value)}
        compiled = self.compile_for(binding.dims, stored)
        arrays = {}
        for name, value in binding.params.items():
            original = (originals or {}).get(name)
            own = isinstance(original, jax.Array) and not is_traced(original) and original.dtype == compiled.dtype
            arrays[name] = (
                value if is_traced(value) else original if own else as_array(self.model, compiled, name, value)
            )
        check_density(compiled, stored)
        check_solver(compiled)
        return Prepared(compiled, arrays, binding)

    def compile_for(self, dims: Mapping[str, Any], stored: Mapping[str, int] | None = None) -> Compiled:
        """The compiled model for these sizes, and numbers of stored entries of the params that are given sparse.

        A size may be a symbolic dimension of ``jax.export``; E0401 where the program could not learn it from a param.
        """
        self.check_open_sizes(dims)
        dtype = precision(self.dtype)
        known = dict(stored or {})
        key = (tuple(sorted(dims.items())), jnp.dtype(dtype).name, tuple(sorted(known.items())))
        if key not in self.programs:
            analysis = self.analysis
            compiled = lower(analysis.whole, analysis.parts, dims, self.settings, dtype, self.ties)
            self.programs[key] = replace(compiled, stored=known)
        return self.programs[key]

    def check_open_sizes(self, dims: Mapping[str, Any]) -> None:
        """Refuse a symbolic size that stands in the shape of no param, and any where there are rows in cones."""
        given = {name for param in self.model.params.values() for size in param.shape for name in size.dims()}
        unknown = [name for name, size in dims.items() if jax.export.is_symbolic_dim(size) and name not in given]
        if unknown:
            raise ModelError([open_size(self.model.dims[name]) for name in unknown])
        still = [name for name, size in dims.items() if jax.export.is_symbolic_dim(size)]
        kinds = [part.classification.problem_class for part in (self.analysis.whole, *self.analysis.parts.values())]
        conic = next((kind for kind in kinds if kind in CONE_CLASSES), None)
        if still and conic is not None:
            raise ModelError([open_size_of_cones(self.model.dims[name], conic) for name in still])

    def with_options(self, **options: Any) -> Problem:
        """The same model with other options: ``tol``, ``max_iterations``, ``active``, ``solver``, ``dtype``, ``tie``.

        ``tie`` is the element of derivatives at ties: ``"torch"`` for all operations, ``{"relu": 0.5, "max": "left"}``.
        """
        dtype = options.pop("dtype", self.dtype)
        ties = read_ties(self.analysis.whole.library, options.pop("tie")) if "tie" in options else self.ties
        try:
            settings = replace(self.settings, **options)
        except TypeError:
            known = ", ".join((*Settings.__dataclass_fields__, "dtype", "tie"))
            unknown = next(name for name in options if name not in Settings.__dataclass_fields__)
            raise TypeError(f"there is no option {unknown!r}; the options are {known}") from None
        if settings.solver not in NAMES:
            raise ValueError(f"there is no solver {settings.solver!r}; the names are {', '.join(NAMES)}")
        return Problem(self.analysis, settings, dtype, ties)

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What is made for this model once, such as a jitted derivative: a second call traces nothing again."""
        if key not in self.derivatives:
            self.derivatives[key] = make()
        return self.derivatives[key]

    def with_ties(self, ties: Ties) -> Problem:
        """The same model with these elements of derivatives at its ties, kept with it: nothing is compiled twice."""
        if ties == self.ties:
            return self
        if ties not in self.tied:
            self.tied[ties] = replace(self, ties=ties, programs={}, derivatives={})
        return self.tied[ties]

    def show(self, what: str = "math") -> str:
        """The model in print: ``math``, ``kkt`` (its optimality conditions), ``latex``, ``interface`` or ``ir``."""
        if what not in SHOWN:
            raise ValueError(f"show takes one of {', '.join(SHOWN)}, not {what!r}")
        return SHOWN[what](self.model)

    def _repr_html_(self) -> str:
        return framed(html_parts(document(self.analysis), level=3))

    def _repr_latex_(self) -> str:
        return show_latex(self.model)

    def __repr__(self) -> str:
        kind = self.analysis.classification.problem_class if self.analysis.classification else "?"
        return f"{kind} {self.model.name}({', '.join(self.model.params)}) -> {', '.join(outputs(self.model))}"


def check_density(compiled: Compiled, stored: Mapping[str, int]) -> None:
    """E0410 where an operation would make a huge matrix dense: seen by tracing, before anything is computed."""
    shapes = compiled.specification()
    is_huge = any(math.prod(shapes[name].shape) > LARGEST_DENSE for name in stored)
    try:
        if compiled.form is not None:
            compiled.settle_assembly()
        if is_huge:
            jax.eval_shape(compiled.function, shapes)
    except TooLargeToBeDenseError as error:
        raise ModelError([too_large(error.expr.span, error.shape)]) from None


def check_solver(compiled: Compiled) -> None:
    """E0606 where the solver that is asked for, by the file or an option, does not take the problem."""
    for step in compiled.steps:
        if isinstance(step.inner, Compiled):
            check_solver(step.inner)
    name, model = compiled.settings.solver, compiled.model
    if compiled.form is None or name == AUTO:
        return
    reason = refusal(name, compiled.problem)
    if reason is not None:
        asked = model.using if model.using is not None and model.using.name == name else model.objective
        assert asked is not None
        raise ModelError([refused_solver(asked.span, name, reason)])


def as_array(model: Model, compiled: Compiled, name: str, value: Any) -> jax.Array | BCOO:
    """A checked value as a JAX array of the type that the program takes, so that equal shapes never retrace."""
    real = model.params[name].kind is Kind.REAL
    if isinstance(value, SparseMatrix):
        return as_coordinates(value, compiled.dtype)
    return jnp.asarray(value, compiled.dtype if real else None)


def as_result(model: Model, outcome: Outcome) -> Result:
    """An outcome as the record that users see."""
    residuals = outcome.residuals
    statistics = {
        "iterations": outcome.iterations,
        "residuals": None
        if residuals is None
        else Record({"primal": residuals.primal, "dual": residuals.dual, "gap": residuals.gap}),
        "conflict": Record(outcome.conflict),
        "point": outcome.point,
        "certificate": outcome.certificate,
    }
    fields = {
        "objective": outcome.objective,
        "status": outcome.status,
        "dual": Record(outcome.duals),
        "slack": Record(outcome.slacks),
        "derivative": as_evidence(outcome),
        "statistics": Record(statistics),
    }
    return Result(model.name, {name: outcome.values[name] for name in outputs(model)}, fields)


def as_evidence(outcome: Outcome) -> EvidenceRecord | None:
    """What is known of the derivative without a direction."""
    derivative = outcome.derivative
    if derivative is None:
        return None
    evidence = derivative.evidence
    return EvidenceRecord(
        {
            "primal": evidence.primal,
            "dual": evidence.dual,
            "objective": evidence.objective,
            "active": Record(derivative.active),
            "weakly_active": Record(derivative.weakly_active),
            "rank": evidence.rank,
            "sigma_min": evidence.sigma_min,
            "gap": evidence.gap,
        }
    )

"""The outputs of a model and the params in which they can be differentiated, by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jax import Array

from karush.compiler.lowering.outcome import Outcome
from karush.compiler.model import Kind, Model


@dataclass(frozen=True)
class Request:
    """What is differentiated: an output, and params; both known to exist."""

    of: str
    wrt: tuple[str, ...]


class DerivativeError(ValueError):
    """An output or a param that cannot be differentiated; ``code`` is the kind of finding."""

    def __init__(self, code: str, message: str):
        self.code, self.message = code, message
        super().__init__(f"{code}: {message}")


# ---------------------------------------------------------------- names


def outputs(model: Model) -> tuple[str, ...]:
    """Names of the values: vars, then lets."""
    return (*model.vars, *model.lets)


def real_params(model: Model) -> tuple[str, ...]:
    """The params with a derivative."""
    return tuple(p.name for p in model.params.values() if p.kind is Kind.REAL)


def resolve(model: Model, of: str, wrt: Sequence[str] | None) -> Request:
    """The output and the params by name; DerivativeError (E0201 unknown, E0704 not real) where that fails."""
    labels = [c.label for c in model.constraints if c.label is not None]
    head, _, rest = of.partition(".")
    if model.objective is not None and of == model.objective.label:
        of = "objective"
    known = {*model.vars, *model.lets, *(("objective",) if model.objective is not None else ())}
    rows = {*labels, *model.vars}
    if of not in known and not (head in ("dual", "slack") and _steps(rest.split("."), dict.fromkeys(rows))[0] in rows):
        duals = [f"dual.{name}" for name in labels]
        raise DerivativeError(
            "E0201", f"`{of}` is not an output; the outputs are {', '.join([*sorted(known), *duals])}"
        )
    for name in wrt or ():
        if name not in model.params:
            raise DerivativeError("E0201", f"`{name}` is not a param; the params are {', '.join(model.params)}")
        if model.params[name].kind is not Kind.REAL:
            raise DerivativeError("E0704", f"`{name}` is not real, so nothing can be differentiated in it")
    return Request(of, tuple(wrt) if wrt is not None else real_params(model))


def _steps(path: Sequence[str], labels: Mapping[str, Any]) -> list[str]:
    """The steps of a path; the first is the longest that is a label: rows of a declared set have a point in theirs."""
    for length in range(len(path), 0, -1):
        if ".".join(path[:length]) in labels:
            return [".".join(path[:length]), *path[length:]]
    return list(path)


def pick(outcome: Outcome, of: str) -> Array:
    """The output of this name."""
    if of in outcome.values:
        return outcome.values[of]
    if of == "objective":
        assert outcome.objective is not None
        return outcome.objective
    head, *path = of.split(".")
    found: Any = outcome.duals if head == "dual" else outcome.slacks
    for step in _steps(path, found):
        if not isinstance(found, Mapping) or step not in found:
            parts = ", ".join(found) if isinstance(found, Mapping) else "no parts"
            raise DerivativeError("E0201", f"`{of}`: there is no `{step}`; there are {parts}")
        found = found[step]
    if isinstance(found, Mapping):
        raise DerivativeError("E0201", f"`{of}` has the parts {', '.join(f'{of}.{part}' for part in found)}")
    return found

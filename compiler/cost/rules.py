"""What an operation costs together with its derivative, counted from the rule that it has."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, DebugInfo, DropVar, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun

from karush.compiler.cost.count import count
from karush.compiler.cost.programs import trace

Key = tuple[Any, ...]
ALONE = DebugInfo("cost", "an operation alone", None, None)


def name_of(eqn: JaxprEqn) -> str:
    """The name of an operation: of one with its own rule that of the function, else that of the primitive."""
    inner = eqn.params.get("call_jaxpr")
    if inner is None:
        return str(eqn.primitive.name)
    debug = getattr(getattr(inner, "jaxpr", inner), "debug_info", None)
    return str(getattr(debug, "func_name", None) or eqn.primitive.name).lstrip("_")


@dataclass(frozen=True)
class Rules:
    """Costs of operations with their derivatives, each counted once."""

    kept: dict[Key, float] = field(default_factory=dict)

    def reverse(self, eqn: JaxprEqn, arguments: Sequence[Any], results: Sequence[Any]) -> float:
        """r(e): the results, and the cotangents of the arguments for one cotangent of the results."""

        def program(function: Callable[..., Any], moving: Any, cotangents: Any) -> Any:
            values, back, others = jax.vjp(function, *moving, has_aux=True)
            return values, others, back(cotangents)

        return self._counted("reverse", eqn, arguments, results, program, results)

    def forward(self, eqn: JaxprEqn, arguments: Sequence[Any], results: Sequence[Any]) -> float:
        """The results, and their tangents for one tangent of the arguments."""

        def program(function: Callable[..., Any], moving: Any, tangents: Any) -> Any:
            return jax.jvp(function, moving, tangents, has_aux=True)

        return self._counted("forward", eqn, arguments, results, program, arguments)

    def _counted(
        self,
        mode: str,
        eqn: JaxprEqn,
        arguments: Sequence[Any],
        results: Sequence[Any],
        program: Callable[..., Any],
        directions: Sequence[Any],
    ) -> float:
        key = _key(mode, eqn, arguments, results)
        if key is not None and key in self.kept:
            return self.kept[key]
        cost = _cost(eqn, arguments, results, program, directions)
        if key is not None:
            self.kept[key] = cost
        return cost


def _cost(
    eqn: JaxprEqn,
    arguments: Sequence[Any],
    results: Sequence[Any],
    program: Callable[..., Any],
    directions: Sequence[Any],
) -> float:
    others = [v for v in dict.fromkeys(v for v in eqn.invars if not isinstance(v, Literal)) if v not in arguments]
    rest = [v for v in eqn.outvars if v not in results and not isinstance(v, DropVar)]
    alone = Jaxpr((), [*arguments, *others], [*results, *rest], [eqn], debug_info=ALONE)
    run = jaxpr_as_fun(ClosedJaxpr(alone, ()))

    def whole(moving: Any, fixed: Any, steps: Any) -> Any:
        def function(*arrays: Any) -> Any:
            found = run(*arrays, *fixed)
            return tuple(found[: len(results)]), tuple(found[len(results) :])

        return program(function, tuple(moving), tuple(steps))

    return count(trace(whole, *([_shape(v) for v in vs] for vs in (arguments, others, directions))))


def _shape(variable: Any) -> jax.ShapeDtypeStruct:
    aval: Any = variable.aval
    return jax.ShapeDtypeStruct(aval.shape, aval.dtype)


def _key(mode: str, eqn: JaxprEqn, arguments: Sequence[Any], results: Sequence[Any]) -> Key | None:
    """What an operation is, without the names of its variables; None where its params cannot be compared."""
    places = dict(zip(arguments, range(len(arguments)), strict=True))
    inputs: Sequence[Any] = eqn.invars
    shapes = tuple((v.aval.shape, str(v.aval.dtype), None if isinstance(v, Literal) else places.get(v)) for v in inputs)
    outs = tuple(v in results for v in eqn.outvars)
    try:
        key = (mode, eqn.primitive.name, tuple(sorted(eqn.params.items())), shapes, outs)
        hash(key)
    except TypeError:
        return None
    return key

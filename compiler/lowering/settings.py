"""Settings of a solver as a file asks for them."""

from __future__ import annotations

from typing import Any

from karush.compiler.facts.quasiconvex import asks_for_bisection
from karush.compiler.model import Model
from karush.compiler.resolving.options import SOLVERS
from karush.solvers.protocol import Settings

SETTING_NAMES = {"max_iter": "max_iterations"}
"""Options whose name in the language is not that of the setting."""


def settings_of(model: Model) -> Settings:
    """The settings that a model's own ``using`` and ``derivative`` ask for."""
    asked: dict[str, Any] = {}
    if model.using is not None:
        # at each level of a bisection any solver will do; so it is where the one that is asked for is still to come
        fixed = SOLVERS[model.using.name].available and not asks_for_bisection(model)
        asked["solver"] = model.using.name if fixed else "auto"
        asked |= {SETTING_NAMES.get(name, name): value for name, value in model.using.options.items()}
    if model.derivative is not None and "active" in model.derivative.options:
        asked["active"] = model.derivative.options["active"]
    return Settings(**{name: value for name, value in asked.items() if name in Settings.__dataclass_fields__})

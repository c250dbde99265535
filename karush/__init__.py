"""karush: a language for differentiable optimisation. A ``.opt`` file becomes a differentiable JAX function.

``load(path)`` and ``loads(text)`` give a model, which is called with its params; ``vjp`` and ``jvp`` give
derivatives with their evidence; ``open(path)`` runs an artefact. The names are resolved when they are first used
(PEP 562), so that ``import karush`` and ``karush check`` cost no import of JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from karush.derivative import jvp, vjp
    from karush.errors import ModelError
    from karush.problem import load, loads
    from karush.runtime import open_artifact as open
    from karush.tie_counts import ties

__version__ = "0.1.0"
__all__ = ["ModelError", "__version__", "jvp", "load", "loads", "open", "ties", "vjp"]

_HOMES = {
    "ModelError": ("karush.errors", "ModelError"),
    "jvp": ("karush.derivative", "jvp"),
    "load": ("karush.problem", "load"),
    "load_ipython_extension": ("karush.notebook", "load_ipython_extension"),  # what `%load_ext karush` looks for
    "loads": ("karush.problem", "loads"),
    "open": ("karush.runtime", "open_artifact"),
    "ties": ("karush.tie_counts", "ties"),
    "vjp": ("karush.derivative", "vjp"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'karush' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return getattr(importlib.import_module(module), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)

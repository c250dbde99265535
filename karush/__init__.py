"""karush: a language for differentiable optimisation. A ``.opt`` file becomes a differentiable JAX function.

``load(path)`` and ``loads(text)`` give a model, which is called with its params; ``vjp`` and ``jvp`` give
derivatives with their evidence, ``ties`` what stands at a kink, ``clarke``, ``lexicographic``, ``clarke_vertices`` and
``local_model`` other derivatives there; ``open(path)`` runs an artefact. The names are resolved when they are first
used (PEP 562), so that ``import karush`` and ``karush check`` cost no import of JAX.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from karush.derivative import jvp, vjp
    from karush.directional import clarke, lexicographic
    from karush.enumeration import clarke_vertices
    from karush.errors import ModelError
    from karush.piecewise_linear import local_model
    from karush.problem import load, loads
    from karush.runtime import open_artifact as open
    from karush.tie_counts import ties

__version__ = "0.1.0"
__all__ = [
    "ModelError", "__version__", "clarke", "clarke_vertices", "jvp", "lexicographic", "load", "loads", "local_model",
    "open", "ties", "vjp",
]  # fmt: skip

_HOMES = {
    "ModelError": ("karush.errors", "ModelError"),
    "clarke": ("karush.directional", "clarke"),
    "clarke_vertices": ("karush.enumeration", "clarke_vertices"),
    "jvp": ("karush.derivative", "jvp"),
    "lexicographic": ("karush.directional", "lexicographic"),
    "load": ("karush.problem", "load"),
    "load_ipython_extension": ("karush.notebook", "load_ipython_extension"),  # what `%load_ext karush` looks for
    "loads": ("karush.problem", "loads"),
    "local_model": ("karush.piecewise_linear", "local_model"),
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

"""The whole compiler on one screen: text to findings, and, where they allow it, to a compiled function.

text ──analyse──▶ Model, Facts, Classification ──lower──▶ Compiled(params ↦ Outcome)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from karush.compiler.analyse import Analysis, analyse
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.lower import lower
from karush.dsl.source import Source
from karush.solvers.protocol import Settings


def compile_source(
    source: Source, dims: Mapping[str, Any], settings: Settings, dtype: Any
) -> tuple[Compiled | None, Analysis]:
    """A text compiled for these sizes; None where its findings stand in the way."""
    analysis = analyse(source)
    return (None if analysis.failed else compile_analysis(analysis, dims, settings, dtype)), analysis


def compile_analysis(analysis: Analysis, dims: Mapping[str, Any], settings: Settings, dtype: Any) -> Compiled:
    """An analysed text without errors compiled for these sizes."""
    return lower(analysis.whole, analysis.parts, dims, settings, dtype)

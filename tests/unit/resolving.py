"""Typed models and findings of texts, as the tests of resolving ask for them."""

from __future__ import annotations

from karush.compiler.analyse import Analysis, analyse_text
from karush.compiler.model import Expr
from karush.stdlib.shape import show_shape

HEAD = """dim n, m, d, T = 20
param X[m, d], A[n, n], y[m], b[d], v[n], c, k in index(n), src[m] in index(n), on in bool
"""


def model_of(text: str):
    analysis = analyse_text(text)
    assert analysis.model is not None, [f.message for f in analysis.diagnostics]
    return analysis.model


def codes(analysis: Analysis) -> list[str]:
    return [finding.code for finding in analysis.diagnostics]


def value_of(expression: str) -> Expr:
    return model_of(f"{HEAD}let it = {expression}\n").lets["it"]


def shape_of(expression: str) -> str:
    return show_shape(value_of(expression).shape)

"""Damaged models give findings or a model, never an exception; every finding stands in the user's text."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karush.compiler.analyse import analyse_text
from karush.dsl.codes import CODES
from karush.dsl.render import render

MODELS = sorted((Path(__file__).parents[1] / "models").glob("*.opt"))
TEXTS = [path.read_text(encoding="utf-8") for path in MODELS]
TOKEN = re.compile(r"\w+|==|<=|>=|[^\w\s]|\n")
WORDS = sorted({m.group() for text in TEXTS for m in TOKEN.finditer(text)})


def check(text: str) -> None:
    analysis = analyse_text(text)
    assert analysis.diagnostics or analysis.model is not None
    for finding in analysis.diagnostics:
        assert finding.code in CODES
        assert finding.labels
        assert all(label.span.source.text == text for label in finding.labels)
        assert finding.fixes or finding.code == "E0190"
    render(analysis.diagnostics)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_the_models_of_the_language_are_resolved_without_errors(path: Path) -> None:
    analysis = analyse_text(path.read_text(encoding="utf-8"), f"{path.stem}.opt")
    errors = {f.code for f in analysis.diagnostics if f.code.startswith("E")} - {"E0190"}
    if path.stem != "every_statement":  # a test of the parser, which means nothing
        assert not errors
        assert analysis.model is not None


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.integers(0, 10_000), st.sampled_from(["delete", "double", "replace"]), st.randoms())
def test_a_token_deleted_doubled_or_replaced(text: str, place: int, how: str, chance: random.Random) -> None:
    tokens = list(TOKEN.finditer(text))
    token = tokens[place % len(tokens)]
    new = {"delete": "", "double": f"{token.group()} {token.group()}"}.get(how, chance.choice(WORDS))
    check(text[: token.start()] + new + text[token.end() :])


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_name_put_in_place_of_another(text: str, data: st.DataObject) -> None:
    names = [m for m in TOKEN.finditer(text) if m.group().isidentifier() and m.group() not in ("for", "in", "if")]
    old, new = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    check(text[: old.start()] + new.group() + text[old.end() :])

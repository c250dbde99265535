"""Damaged models give findings or a model, never an exception; every finding stands in the user's text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.dsl.codes import CODES
from karush.dsl.render import render

ROOT = Path(__file__).parents[2]
MODELS = [*sorted(ROOT.glob("tests/models/*.opt")), *sorted(ROOT.glob("examples/*/*.opt"))]
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


HOW = ("delete", "double", "replace")


def damaged(text: str, place: int, how: str, word: str) -> str:
    """The text with one token deleted, doubled or replaced by another."""
    tokens = list(TOKEN.finditer(text))
    token = tokens[place % len(tokens)]
    new = {"delete": "", "double": f"{token.group()} {token.group()}"}.get(how, word)
    return text[: token.start()] + new + text[token.end() :]


DAMAGE = st.tuples(st.integers(0, 10_000), st.sampled_from(HOW), st.sampled_from(WORDS))


@settings(max_examples=250, deadline=None)
@given(st.sampled_from(TEXTS), st.lists(DAMAGE, min_size=1, max_size=3))
def test_tokens_deleted_doubled_or_replaced(text: str, slips: list[tuple[int, str, str]]) -> None:
    """One slip, and several of them together."""
    for slip in slips:
        text = damaged(text, *slip)
    check(text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(TEXTS), DAMAGE, st.sampled_from(["full", "concise", "json"]))
def test_a_damaged_model_is_checked_on_the_command_line(
    tmp_path: Path, text: str, slip: tuple[int, str, str], style: str
) -> None:
    """An internal error, or a file that cannot be read, would end with exit code 2."""
    file = tmp_path / "damaged.opt"
    file.write_text(damaged(text, *slip), encoding="utf-8")
    assert run(["check", "--format", style, str(file)]) in (0, 1)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_name_put_in_place_of_another(text: str, data: st.DataObject) -> None:
    names = [m for m in TOKEN.finditer(text) if m.group().isidentifier() and m.group() not in ("for", "in", "if")]
    old, new = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    check(text[: old.start()] + new.group() + text[old.end() :])

"""Inputs on which something once went wrong, and a few new ones of every kind.

A file of the corpus is named by what it showed; its ending says what reads it (``.cursor`` is a text under the number
of a place in it). ``python -m tests.fuzz.run`` looks for more.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import inputs, run, targets

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_an_input_of_the_corpus_is_taken_or_refused(path: Path) -> None:
    targets.target_of(path.name)(path.read_bytes())


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(inputs.models())
def test_texts_with_slips(text: str) -> None:
    targets.language(text)


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(inputs.models(), st.integers(0, 3000))
def test_an_editor_at_any_place(text: str, offset: int) -> None:
    targets.editor(text, offset)


@pytest.mark.parametrize("ending", inputs.ENDINGS)
@settings(max_examples=80, suppress_health_check=list(HealthCheck))
@given(drawn=st.data())
def test_data_files(ending: str, drawn: st.DataObject) -> None:
    targets.data(ending, drawn.draw(inputs.data_files(ending)))


def test_a_failure_is_found_shrunk_and_kept(tmp_path: Path) -> None:
    """The hunt itself, on a reader that cannot bear a 7."""

    def check(content: bytes) -> None:
        assert b"7" not in content, "a seven"

    hunt = run.Hunt(until=float("inf"))
    made = st.lists(st.sampled_from([b"1", b"7", b"x"]), max_size=20).map(b"".join)
    run.round_of(run.Target(".json", made, check, bytes), hunt, seed=0)
    ((place, found),) = hunt.found.items()
    assert "a seven" in place
    assert found == run.Found(".json", b"7")
    run.keep(found, tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"7"]

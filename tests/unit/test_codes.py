"""The pages of the error codes."""

import pytest

from karush.compiler.analyse import analyse_text
from karush.dsl.code import Code
from karush.dsl.codes import CODES

LATER = "E0190"  # what a later version brings is refused besides


def found(text: str | None) -> set[str]:
    return {diagnostic.code for diagnostic in analyse_text(text or "").diagnostics} - {LATER}


@pytest.mark.parametrize("page", [p for p in CODES.values() if p.trigger], ids=lambda p: p.code)
def test_the_trigger_of_a_code_gives_exactly_that_code(page: Code) -> None:
    assert found(page.trigger) == {page.code}


@pytest.mark.parametrize("page", [p for p in CODES.values() if p.mended], ids=lambda p: p.code)
def test_the_mended_model_has_no_finding(page: Code) -> None:
    assert found(page.mended) == set()


@pytest.mark.parametrize("page", CODES.values(), ids=lambda p: p.code)
def test_a_page_says_what_why_and_what_to_do(page: Code) -> None:
    assert CODES[page.code] is page
    assert page.title and not page.title.endswith(".")
    assert page.why.endswith(".")
    assert page.repair.endswith(".")
    assert (page.trigger is None) == (page.mended is None)


def test_every_code_stands_once() -> None:
    assert len(CODES) == len({page.title for page in CODES.values()})

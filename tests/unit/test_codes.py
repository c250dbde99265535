"""The pages of the error codes."""

import re

import pytest

from karush.cli.app import run
from karush.cli.explain import show_page
from karush.compiler.analyse import analyse_text
from karush.dsl.code import Code
from karush.dsl.codes import CODES

LATER = "E0190"  # what a later version brings is refused besides
PLAIN = [page for page in CODES.values() if page.command == "check" and page.trigger is not None]
WITH_DATA = [page for page in CODES.values() if page.command != "check"]
WITHOUT_EXAMPLE = {
    "E0111",  # a file that is not text cannot be printed
    "E0190",  # what can be refused as not available changes with every version
    "R0704", "R0803",  # they depend on rounding
    "R0804",  # a choice that is looked at on data is warned of before (W0705)
}  # fmt: skip
FINDING = re.compile(r"^(?:error|warning)\[([EWR]\d{4})\]", re.MULTILINE)


def found(text: str | None) -> set[str]:
    return {diagnostic.code for diagnostic in analyse_text(text or "").diagnostics} - {LATER}


def told(command: str, text: str | None, data: str | None, folder, capsys) -> set[str]:
    """The codes in what a command says of a file and its data."""
    assert text is not None
    (folder / "model.opt").write_text(text, encoding="utf-8")
    verb, *options = command.split()
    if data is not None:
        (folder / "data.json").write_text(data, encoding="utf-8")
    given = [str(folder / word) if word == "data.json" else word for word in options]
    run([verb, str(folder / "model.opt"), *given])
    return set(FINDING.findall("".join(capsys.readouterr()))) - {LATER}


@pytest.mark.parametrize("page", PLAIN, ids=lambda p: p.code)
def test_the_trigger_of_a_code_gives_exactly_that_code(page: Code) -> None:
    assert found(page.trigger) == {page.code}


@pytest.mark.parametrize("page", PLAIN, ids=lambda p: p.code)
def test_the_mended_model_has_no_finding(page: Code) -> None:
    assert found(page.mended) == set()


@pytest.mark.parametrize("page", WITH_DATA, ids=lambda p: p.code)
def test_the_command_of_a_page_gives_exactly_its_code_and_nothing_once_mended(page: Code, tmp_path, capsys) -> None:
    mended = page.mended_command or page.command
    assert told(page.command, page.trigger, page.data, tmp_path, capsys) == {page.code}
    assert told(mended, page.mended, page.mended_data, tmp_path, capsys) == set()


@pytest.mark.parametrize("page", CODES.values(), ids=lambda p: p.code)
def test_a_page_says_what_why_and_what_to_do(page: Code) -> None:
    assert CODES[page.code] is page
    assert page.title and not page.title.endswith(".")
    assert page.why.endswith(".")
    assert page.repair.endswith(".")
    assert (page.trigger is None) == (page.mended is None)


def test_every_code_has_an_example_but_for_those_that_cannot() -> None:
    assert {page.code for page in CODES.values() if page.trigger is None} == WITHOUT_EXAMPLE


def test_every_code_stands_once() -> None:
    assert len(CODES) == len({page.title for page in CODES.values()})


def test_a_page_shows_the_example_with_its_data_and_its_command() -> None:
    page = show_page(CODES["E0406"])
    assert "For example:\n    dim n\n    param w[n] in simplex" in page
    assert '  with data.json:\n    {"w": [0.5, 0.6]}' in page
    assert page.endswith("Found by: karush check model.opt -d data.json\n")

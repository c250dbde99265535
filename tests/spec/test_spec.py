"""The specification by example: every ``opt`` block of the Markdown files here gives the findings below it.

An example is a block that begins with ```` ```opt ````, perhaps with a file name after it, and the next block, if that
begins with ```` ```text ````: what ``karush check`` prints of the text. Without one, or where it says ``nothing``, the
text has no findings. A ```` ```json ```` block between them holds the data; a word after the file name is required
(``--require``). ``KARUSH_UPDATE_SPEC=1 pytest tests/spec/test_spec.py`` writes the findings as they are now; read
the difference before you keep it.
"""

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from karush.cli.check import check_file
from karush.compiler.analyse import analyse_text
from karush.dsl.codes import CODES
from karush.dsl.render import render

FILES = sorted(Path(__file__).parent.glob("*.md"))
EXAMPLE = re.compile(
    r"^```opt(?: (?P<name>\S+))?(?: (?P<required>\w+))?\n(?P<text>.*?)^```\n"
    r"(?:\n*^```json\n(?P<data>.*?)^```\n)?(?:\n*^```text\n(?P<findings>.*?)^```\n)?",
    re.MULTILINE | re.DOTALL,
)
NOTHING = "nothing\n"


@dataclass(frozen=True)
class Example:
    file: Path
    line: int
    name: str
    text: str
    required: str | None
    data: str | None
    findings: str


def example_of(file: Path, content: str, match: re.Match[str]) -> Example:
    line = content.count("\n", 0, match.start()) + 1
    found = match["findings"] or NOTHING
    return Example(file, line, match["name"] or "model.opt", match["text"], match["required"], match["data"], found)


def examples(file: Path) -> list[Example]:
    content = file.read_text(encoding="utf-8")
    return [example_of(file, content, match) for match in EXAMPLE.finditer(content)]


def diagnose(example: Example) -> str:
    """What is printed about a text. The one place to change when a text is looked at in another way."""
    if example.data is None and example.required is None:
        return render(analyse_text(example.text, example.name).diagnostics) or NOTHING
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        Path(example.name).write_text(example.text, encoding="utf-8")
        Path("data.json").write_text(example.data or "", encoding="utf-8")
        data = ["data.json"] if example.data is not None else []
        required = [example.required] if example.required is not None else []
        return render(check_file(example.name, data, required).findings) or NOTHING


def updated(file: Path, content: str) -> str:
    """A file with the findings as they are now."""

    def rewritten(match: re.Match[str]) -> str:
        found = diagnose(example_of(file, content, match))
        head = match[0] if match["findings"] is None else match[0][: match.start("findings") - match.start()]
        if match["findings"] is not None:
            return f"{head}{found}```\n"
        return head if found == NOTHING else f"{head}\n```text\n{found}```\n"

    return EXAMPLE.sub(rewritten, content)


if os.environ.get("KARUSH_UPDATE_SPEC") == "1":
    for path in FILES:
        path.write_text(updated(path, path.read_text(encoding="utf-8")), encoding="utf-8")

ALL = [example for file in FILES for example in examples(file)]


@pytest.mark.parametrize("example", ALL, ids=lambda e: f"{e.file.name}:{e.line}")
def test_the_example_gives_the_findings_below_it(example: Example) -> None:
    assert diagnose(example) == example.findings


def test_every_file_has_examples() -> None:
    assert all(examples(file) for file in FILES)


BY_SOLVING = {code for code in CODES if code.startswith("R")} | {"E0410", "E0704"}
"""Codes that a run or a gradient finds, or tracing before it: their pages have examples, which are run."""

NOT_HERE = {
    "E0111",  # a file that is not text cannot stand in a page
}  # fmt: skip

SHOWN = re.compile(r"^(?:error|warning)\[(\w+)\]: .*\n *--> [\w.-]+:\d+:\d+$", re.MULTILINE)


def test_every_code_that_needs_no_solve_is_shown_at_its_place_in_the_user_s_file() -> None:
    shown = {code for example in ALL for code in SHOWN.findall(example.findings)}
    assert set(CODES) - shown <= BY_SOLVING | NOT_HERE
